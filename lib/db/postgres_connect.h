#pragma once

// Finds the PostgreSQL that takes writes and connects to it.

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "config/config.h"
#include "db/connect_failure.h"
#include "db/database.h"
#include "db/postgres_connection.h"
#include "db/resolver.h"
#include "db/stop_signal.h"

namespace praefect::db {

// No single attempt takes longer, and none more than its share of the time that is left.
inline constexpr std::chrono::seconds kConnectAttemptTimeout{10};

struct Connected {
  std::unique_ptr<PostgresConnection> connection;
  Place place;
  int version = 0;           // 150018
  std::string version_text;  // "15.18 (Debian 15.18-0+deb12u1)"
  std::string tls;           // "TLSv1.3"; empty: none
};

// Never empty.
using ConnectFailures = std::vector<ConnectFailure>;

// Tries every address of every host of `endpoint`, beginning with those of `first_host` (may be
// empty). Places that are connected and take no writes (standbys) are failures like others. `stop`
// ends the attempt.
std::variant<Connected, ConnectFailures> Connect(const config::DatabaseEndpoint& endpoint,
                                                 const std::string& first_host, Resolver& resolver,
                                                 Deadline deadline, const StopSignal& stop);

// The failures that a transaction waits out, rather than being told at once.
bool Passing(const ConnectFailures& failures);

}  // namespace praefect::db
