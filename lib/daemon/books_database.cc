#include "daemon/books_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "db/backoff.h"
#include "db/database_metrics.h"
#include "db/migrations.h"
#include "db/postgres.h"
#include "db/sqlite.h"
#include "observe/thread.h"

namespace praefect::daemon {
namespace {

// The number of migrations tells that somebody changed the schema meanwhile.
constexpr db::Sql kQuestion(
    "SELECT current_setting('transaction_read_only') = 'on', count(*) FROM schema_migrations");

std::string_view TextOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace

BooksDatabase::BooksDatabase(Sources sources) : sources_(std::move(sources)) {
  sources_.registry.AskedGauge("gitaly_praefect_database_reachable",
                               "Whether the database could be used when it was last asked.",
                               [this] { return state().problem.empty() ? 1 : 0; });
  sources_.registry.AskedFamilies([this] { return Collect(); });
}

BooksDatabase::~BooksDatabase() { Close(); }

absl::StatusOr<BooksDatabase::Opening> BooksDatabase::Open() {
  return sources_.database.configured() ? OpenPostgres() : OpenEmbedded();
}

void BooksDatabase::Close() {
  stop_.Stop();
  if (watcher_.joinable()) watcher_.join();
  std::unique_ptr<db::Database> closed;
  observe::MutexLock lock(mutex_);
  closed.swap(database_);
}

BooksState BooksDatabase::state() const {
  observe::MutexLock lock(mutex_);
  return state_;
}

absl::StatusOr<BooksDatabase::Opening> BooksDatabase::OpenEmbedded() {
  auto database = db::OpenSqlite({sources_.embedded_store.path}, sources_.logger);
  if (absl::IsFailedPrecondition(database.status())) {
    Note({std::string(TextOf(database.status()))});
    return Opening::kLocked;
  }
  if (!database.ok()) return database.status();
  Keep(*std::move(database));
  const Finding finding = MigrateEmbedded();
  if (!finding.problem.empty()) return absl::FailedPreconditionError(finding.problem);
  Note(finding);
  return Opening::kDone;
}

BooksDatabase::Finding BooksDatabase::MigrateEmbedded() {
  const auto error = db::Migrator(*database()).UpAll(db::After(kPatience));
  Finding finding = error ? Finding{error->message} : AskSchema(db::After(kPatience));
  if (!finding.problem.empty()) {
    finding.problem =
        fmt::format("the embedded store {}: {}", sources_.embedded_store.path, finding.problem);
  }
  return finding;
}

absl::StatusOr<BooksDatabase::Opening> BooksDatabase::OpenPostgres() {
  db::PostgresOptions options;
  options.endpoint = sources_.database.pooled;
  Keep(db::OpenPostgres(std::move(options), sources_.logger));
  const Finding finding = Ask(kFirstPatience);
  if (finding.final) return absl::FailedPreconditionError(finding.problem);
  Note(finding);
  watcher_ = observe::StartThread("db-watch", [this] { Watch(); });
  return Opening::kDone;
}

void BooksDatabase::Keep(std::unique_ptr<db::Database> database) {
  observe::MutexLock lock(mutex_);
  database_ = std::move(database);
}

db::Database* BooksDatabase::database() const {
  observe::MutexLock lock(mutex_);
  return database_.get();
}

void BooksDatabase::Watch() {
  db::Backoff backoff(kInterval / 2, kLongestPause, 0);
  for (;;) {
    const bool usable = last_.problem.empty();
    if (usable) backoff.Reset();
    if (!stop_.Sleep(usable ? kInterval : backoff.Next())) return;
    Note(Ask(kPatience));
  }
}

BooksDatabase::Finding BooksDatabase::Ask(std::chrono::milliseconds patience) {
  const db::Deadline deadline = db::After(patience);
  if (!schema_checked_) {
    if (Finding finding = AskSchema(deadline); !finding.problem.empty()) return finding;
  }
  Finding finding = AskWhetherUsable(deadline);
  if (!finding.problem.empty()) schema_checked_ = false;
  return finding;
}

BooksDatabase::Finding BooksDatabase::AskSchema(db::Deadline deadline) {
  db::Schema schema;
  if (const auto error = db::Migrator(*database()).Read(deadline, schema)) {
    return {error->message, error->layer == db::Layer::kVersion};
  }
  std::string warning;
  const absl::Status usable = db::CheckSchema(schema, warning);
  if (!usable.ok()) return {std::string(TextOf(usable)), true};
  if (warning != std::exchange(warning_, warning) && !warning.empty()) {
    sources_.logger.Warn(warning);
  }
  migrations_ = std::count_if(schema.migrations.begin(), schema.migrations.end(),
                              [](const auto& migration) { return !migration.applied_at.empty(); });
  schema_checked_ = true;
  return {};
}

BooksDatabase::Finding BooksDatabase::AskWhetherUsable(db::Deadline deadline) {
  const db::Outcome outcome = database()->Wait({{{kQuestion, {}}}, deadline});
  if (!outcome.ok()) return {outcome.error->message};
  const db::Rows& answer = outcome.results.front();
  if (answer.Boolean(0, 0)) return {"the database takes no writes: transaction_read_only is on"};
  if (answer.Integer(0, 1) != migrations_) schema_checked_ = false;  // looked at next time
  return {};
}

void BooksDatabase::Note(const Finding& finding) {
  const bool usable = finding.problem.empty();
  bool first = false;
  {
    observe::MutexLock lock(mutex_);
    first = usable && !state_.was_usable;
    state_ = {finding.problem, state_.was_usable || usable};
  }
  if (first) sources_.usable();
  const Finding last = std::exchange(last_, finding);
  if (usable) {
    if (!last.problem.empty()) LogUsable();
  } else if (finding.final) {
    if (finding.problem != last.problem) {
      sources_.logger.Error("the database must not be used", {{"error", finding.problem}});
    }
  } else if (last.problem.empty()) {
    sources_.logger.Warn("the database cannot be used: not ready for writes",
                         {{"error", finding.problem}});
  }
}

void BooksDatabase::LogUsable() const {
  if (sources_.database.configured()) {
    const auto& pooled = sources_.database.pooled;
    sources_.logger.Info("the database can be used",
                         {{"host", pooled.host}, {"dbname", pooled.dbname}});
  } else {
    sources_.logger.Warn(
        "no [database] is configured: the books are in the embedded store, and no other Praefect "
        "may serve these nodes",
        {{"path", sources_.embedded_store.path}});
  }
}

std::vector<prometheus::MetricFamily> BooksDatabase::Collect() const {
  observe::MutexLock lock(mutex_);
  if (database_ == nullptr) return {};
  return db::DatabaseMetrics(*database_).Collect();
}

}  // namespace praefect::daemon
