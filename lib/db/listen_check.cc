#include "db/listen_check.h"

#include <fmt/format.h>

#include <random>

namespace praefect::db {
namespace {

// Others may check themselves at the same time.
std::string NewChannel() {
  std::random_device random;
  return fmt::format("praefect_listen_check_{:08x}{:08x}", random(), random());
}

}  // namespace

std::optional<Error> CheckListen(
    PostgresConnection& session,
    const std::function<std::optional<Error>(const Statement& notify)>& send, Deadline deadline,
    const StopSignal& stop, const std::string& section) {
  const std::string channel = NewChannel();
  if (auto outcome = session.RunAlone("LISTEN " + channel, deadline); !outcome.ok()) {
    return outcome.error;
  }
  if (auto error = send({"SELECT pg_catalog.pg_notify($1, 'check')", {channel}})) return error;
  while (const auto notification = session.WaitForNotification(deadline, stop)) {
    if (notification->channel == channel) {
      return session.RunAlone("UNLISTEN " + channel, deadline).error;
    }
  }
  return Error{Layer::kListen,
               "",
               fmt::format("listen to PostgreSQL: a notification did not arrive on the session "
                           "connection; it must not go through a pool of transactions: give "
                           "[database.session_pooled] the address of a session pool, or of the "
                           "server itself ({0}.host, {0}.port)",
                           section),
               false,
               {section + ".host", section + ".port"}};
}

}  // namespace praefect::db
