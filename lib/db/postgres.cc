#include "db/postgres.h"

#include <fmt/format.h>

#include <utility>

#include "db/arguments.h"
#include "db/backoff.h"
#include "db/pool.h"
#include "db/postgres_connect.h"
#include "db/postgres_version.h"
#include "observe/mutex.h"

namespace praefect::db {
namespace {

// What the connections of one database share.
struct Shared {
  Shared(PostgresOptions options, observe::Logger& logger, Counters& counters)
      : options(std::move(options)), logger(logger), counters(counters) {}

  const PostgresOptions options;
  observe::Logger& logger;
  Counters& counters;
  StopSignal stop;
  Resolver resolver;

  // The host that took writes last is the first to be asked.
  std::string host() {
    observe::MutexLock lock(mutex);
    return last_host;
  }
  // What is to be said of a version that was not met before.
  std::string NoteVersion(int version) {
    observe::MutexLock lock(mutex);
    return std::exchange(last_version, version) == version ? "" : WarnOfVersion(version);
  }
  // One line for each change, not for each attempt. True when `reachable` is news.
  bool Note(bool now_reachable, const std::string& host) {
    observe::MutexLock lock(mutex);
    if (now_reachable) last_host = host;
    return std::exchange(reachable, now_reachable) != now_reachable;
  }

 private:
  observe::Mutex mutex;
  std::string last_host ABSL_GUARDED_BY(mutex);
  int last_version ABSL_GUARDED_BY(mutex) = 0;
  bool reachable ABSL_GUARDED_BY(mutex) = true;
};

class PooledConnection final : public Connection {
 public:
  PooledConnection(Shared& shared, uint64_t seed)
      : shared_(shared), backoff_(shared.options.min_backoff, shared.options.max_backoff, seed) {}
  ~PooledConnection() override { Drop(); }

  Outcome Run(const Transaction& transaction) override {
    if (auto error = Ready(transaction.deadline)) return {std::move(error), {}};
    shared_.counters.statements += transaction.statements.size();
    return connection_->Run(transaction);
  }

  Outcome RunSteps(const Steps& steps, const Patience& patience) override;

  void Rest() override {
    if (connection_) ++shared_.counters.idle_closed;
    Drop();
  }

 private:
  class Open;

  // Connected when it returns nothing.
  std::optional<Error> Ready(Deadline deadline);
  void Drop();
  std::optional<Error> Accept(Connected connected);
  Error Refused(const ConnectFailures& failures);

  Shared& shared_;
  Backoff backoff_;
  std::unique_ptr<PostgresConnection> connection_;
};

class PooledConnection::Open final : public OpenTransaction {
 public:
  Open(PostgresConnection& connection, Deadline deadline, Counters& counters)
      : connection_(connection), deadline_(deadline), counters_(counters) {}

  using OpenTransaction::Execute;
  Engine engine() const override { return Engine::kPostgres; }

  Outcome Execute(const std::vector<Statement>& statements) override {
    if (error_) return {error_, {}};
    error_ = CheckArguments(statements);
    if (error_) return {error_, {}};
    counters_.statements += statements.size();
    Outcome outcome = connection_.Execute(statements, deadline_);
    error_ = outcome.error;
    return outcome;
  }

  std::optional<Error> RunScript(const std::string& text) override {
    if (!error_) error_ = connection_.RunScript(text, deadline_);
    return error_;
  }

  // The first error of a statement, whatever the steps made of it.
  const std::optional<Error>& error() const { return error_; }

 private:
  PostgresConnection& connection_;
  const Deadline deadline_;
  Counters& counters_;
  std::optional<Error> error_;
};

Outcome PooledConnection::RunSteps(const Steps& steps, const Patience& patience) {
  if (auto error = Ready(patience.begin_by)) return {std::move(error), {}};
  Open open(*connection_, patience.end_by, shared_.counters);
  std::optional<Error> error = steps(open);
  if (!error) error = open.error();
  if (error) {
    connection_->Rollback();
  } else {
    error = connection_->Commit(patience.end_by);
  }
  return {std::move(error), {}};
}

std::optional<Error> PooledConnection::Ready(Deadline deadline) {
  if (connection_ && connection_->Alive()) return std::nullopt;
  if (connection_) ++shared_.counters.lost_connections;
  Drop();
  for (;;) {
    auto result =
        Connect(shared_.options.endpoint, shared_.host(), shared_.resolver, deadline, shared_.stop);
    if (auto* connected = std::get_if<Connected>(&result)) return Accept(std::move(*connected));
    const auto& failures = std::get<ConnectFailures>(result);
    Error error = Refused(failures);
    const auto pause = backoff_.Next();
    if (!Passing(failures) || After(pause) >= deadline) return error;
    if (!shared_.stop.Sleep(pause)) return error;
  }
}

void PooledConnection::Drop() {
  if (!connection_) return;
  connection_.reset();
  --shared_.counters.connections;
}

std::optional<Error> PooledConnection::Accept(Connected connected) {
  backoff_.Reset();
  if (auto error = VersionError(connected.version)) {
    ++shared_.counters.failed_connects;
    return error;
  }
  connection_ = std::move(connected.connection);
  ++shared_.counters.connects;
  ++shared_.counters.connections;
  if (const std::string warning = shared_.NoteVersion(connected.version); !warning.empty()) {
    shared_.logger.Warn(warning, {{"version", std::string_view(connected.version_text)}});
  }
  if (!shared_.Note(true, connected.place.host)) return std::nullopt;
  shared_.logger.Info(
      "the database is reachable again",
      {{"host", std::string_view(connected.place.host)}, {"port", connected.place.port}});
  return std::nullopt;
}

Error PooledConnection::Refused(const ConnectFailures& failures) {
  ++shared_.counters.failed_connects;
  Error error = ToError(failures, shared_.options.endpoint, shared_.options.section);
  if (error.layer != Layer::kPool && shared_.Note(false, "")) {
    shared_.logger.Warn("the database is not reachable",
                        {{"layer", LayerName(error.layer)},
                         {"sqlstate", std::string_view(error.sqlstate)},
                         {"error", std::string_view(error.message)}});
  }
  return error;
}

std::vector<std::unique_ptr<Connection>> MakeConnections(Shared& shared) {
  std::vector<std::unique_ptr<Connection>> connections;
  for (size_t i = 0; i < shared.options.max_connections; ++i) {
    const uint64_t seed = shared.options.seed == 0 ? 0 : shared.options.seed + i;
    connections.push_back(std::make_unique<PooledConnection>(shared, seed));
  }
  return connections;
}

class PostgresDatabase final : public Database {
 public:
  PostgresDatabase(PostgresOptions options, observe::Logger& logger)
      : shared_(std::move(options), logger, counters_),
        pool_(MakeConnections(shared_), shared_.options.max_waiting, shared_.options.max_idle,
              counters_) {}
  ~PostgresDatabase() override { shared_.stop.Stop(); }

  Engine engine() const override { return Engine::kPostgres; }
  void Run(Transaction transaction, Done done) override {
    pool_.Run(std::move(transaction), std::move(done));
  }
  void RunSteps(Steps steps, Patience patience, Done done) override {
    pool_.RunSteps(std::move(steps), patience, std::move(done));
  }

 private:
  Shared shared_;
  Pool pool_;
};

}  // namespace

std::unique_ptr<Database> OpenPostgres(PostgresOptions options, observe::Logger& logger) {
  return std::make_unique<PostgresDatabase>(std::move(options), logger);
}

}  // namespace praefect::db
