#pragma once

#include <functional>
#include <optional>
#include <string>

#include "db/database.h"
#include "db/postgres_connection.h"
#include "db/stop_signal.h"

namespace praefect::db {

// Shows that what others notify reaches `session` while it stands idle. A pool of transactions
// takes LISTEN without complaint and passes nothing on, or only what its own transactions hear: so
// the notification is sent by `send`, which must use another connection.
std::optional<Error> CheckListen(
    PostgresConnection& session,
    const std::function<std::optional<Error>(const Statement& notify)>& send, Deadline deadline,
    const StopSignal& stop, const std::string& section);

}  // namespace praefect::db
