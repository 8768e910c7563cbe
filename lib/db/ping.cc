#include "db/ping.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "db/backoff.h"
#include "db/listen_check.h"
#include "db/postgres.h"
#include "db/postgres_connect.h"
#include "db/postgres_version.h"

namespace praefect::db {
namespace {

constexpr std::chrono::seconds kListenTimeout{5};

class Pinger {
 public:
  Pinger(const config::Database& database, Deadline deadline, bool patient)
      : database_(database), deadline_(deadline), patient_(patient) {}

  PingReport Run() {
    auto pooled = OpenPooled();
    if (pooled && CheckVersion() && Question(*pooled->connection) && ReadSchema()) {
      CheckSession(*pooled->connection);
    }
    return std::move(report_);
  }

  PingReport RunReach() {
    OpenPooled();
    return std::move(report_);
  }

 private:
  std::optional<Connected> OpenPooled() {
    auto pooled = Open(database_.pooled, "database");
    if (!pooled) return std::nullopt;
    report_.place = pooled->place;
    report_.version = pooled->version;
    report_.version_text = pooled->version_text;
    report_.tls = pooled->tls;
    return pooled;
  }

  std::optional<Connected> Open(const config::DatabaseEndpoint& endpoint,
                                const std::string& section) {
    Backoff backoff(std::chrono::milliseconds(50), std::chrono::milliseconds(1'000), 0);
    for (;;) {
      auto result = Connect(endpoint, "", resolver_, deadline_, never_);
      if (auto* connected = std::get_if<Connected>(&result)) return std::move(*connected);
      auto failures = std::get<ConnectFailures>(std::move(result));
      const auto pause = backoff.Next();
      if (patient_ && Passing(failures) && After(pause) < deadline_ && never_.Sleep(pause))
        continue;
      report_.error = ToError(failures, endpoint, section);
      report_.advice = Furthest(failures).advice;
      report_.failures = std::move(failures);
      return std::nullopt;
    }
  }

  bool CheckVersion() {
    if (auto warning = WarnOfVersion(report_.version); !warning.empty()) {
      report_.warnings.push_back(std::move(warning));
    }
    report_.error = VersionError(report_.version);
    if (!report_.error) return true;
    report_.advice = "upgrade the server; it must be 9.6 or newer";
    return false;
  }

  bool Question(PostgresConnection& connection) {
    const auto before = std::chrono::steady_clock::now();
    const Outcome outcome =
        connection.RunAlone("SELECT current_user, current_database()", deadline_);
    report_.latency = std::chrono::steady_clock::now() - before;
    report_.error = outcome.error;
    if (!outcome.ok()) return false;
    report_.user = outcome.results[0].Text(0, 0);
    report_.database = outcome.results[0].Text(0, 1);
    return true;
  }

  // An old schema is a reason to run sql-migrate, not one why the database could not be used.
  bool ReadSchema() {
    class Silence final : public observe::Logger {
      bool Enabled(observe::Level) const override { return false; }
      void Write(observe::Level, std::string_view, std::span<const observe::Field>) override {}
    } silence;
    PostgresOptions options;
    options.endpoint = database_.pooled;
    options.max_connections = 1;
    const auto pool = OpenPostgres(std::move(options), silence);
    Schema schema;
    Migrator migrator(*pool);
    report_.error = migrator.Read(deadline_, schema);
    if (report_.error) return false;
    const auto applied = migrator.Applied(schema);
    if (!applied.empty()) report_.schema_version = std::string(applied.front().id);
    std::string warning;
    report_.schema = Judge(schema);
    report_.schema_problem = std::string(CheckSchema(schema, warning).message());
    if (!warning.empty()) report_.warnings.push_back(std::move(warning));
    return true;
  }

  void CheckSession(PostgresConnection& pooled) {
    const std::string section =
        database_.session == database_.pooled ? "database" : "database.session_pooled";
    auto session = Open(database_.session, section);
    if (!session) return;
    const auto send = [&](const Statement& notify) {
      return pooled.Run({{notify}, deadline_}).error;
    };
    report_.error = CheckListen(*session->connection, send,
                                std::min(deadline_, After(kListenTimeout)), never_, section);
  }

  const config::Database& database_;
  const Deadline deadline_;
  const bool patient_;
  const StopSignal never_;
  Resolver resolver_;
  PingReport report_;
};

}  // namespace

PingReport Ping(const config::Database& database, Deadline deadline, bool patient) {
  return Pinger(database, deadline, patient).Run();
}

PingReport Reach(const config::Database& database, Deadline deadline, bool patient) {
  return Pinger(database, deadline, patient).RunReach();
}

}  // namespace praefect::db
