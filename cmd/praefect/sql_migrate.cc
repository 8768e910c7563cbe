#include "sql_migrate.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "db/migrations.h"
#include "db/postgres.h"
#include "invocation.h"
#include "load_config.h"
#include "migration_table.h"
#include "observe/log.h"
#include "output.h"
#include "sql_error.h"

namespace praefect::cmd {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::hours kLongestTimeout{1};

void PrintJson(const Json& json) {
  Print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

// A command at work on the schema of a PostgreSQL that can be reached.
class Migration {
 public:
  Migration(const Invocation& invocation, std::string_view command)
      : command_(command),
        json_(invocation.Text("o") == "json"),
        deadline_(db::After(std::chrono::ceil<std::chrono::milliseconds>(
            std::min<std::chrono::nanoseconds>(invocation.Duration("timeout"), kLongestTimeout)))),
        logger_(
            observe::MakeLogger({observe::Format::kText, observe::Level::kError, STDERR_FILENO})) {}

  // False: it cannot be worked with, which was said.
  bool Open(const config::Config& config) {
    const auto report = db::Reach(config.database, deadline_, true);
    if (report.error) {
      PrintSqlError(report, config, command_);
      return false;
    }
    db::PostgresOptions options;
    options.endpoint = config.database.pooled;
    options.max_connections = 1;
    database_ = db::OpenPostgres(std::move(options), *logger_);
    migrator_.emplace(*database_);
    const auto error = migrator_->Read(deadline_, schema_);
    if (error) Fail(error->message);
    return !error;
  }

  ExitCode Fail(std::string_view why) const {
    PrintError(fmt::format("praefect {}: fail: {}", command_, why));
    if (json_) PrintJson({{"ok", false}, {"error", why}});
    return kFailed;
  }

  bool json() const { return json_; }
  db::Deadline deadline() const { return deadline_; }
  const db::Schema& schema() const { return schema_; }
  db::Migrator& migrator() { return *migrator_; }

 private:
  const std::string_view command_;
  const bool json_;
  const db::Deadline deadline_;
  const std::unique_ptr<observe::Logger> logger_;
  std::unique_ptr<db::Database> database_;
  std::optional<db::Migrator> migrator_;
  db::Schema schema_;
};

std::string FirstUnknown(const db::Schema& schema) {
  for (const db::MigrationState& state : schema.migrations) {
    if (!state.ours && !state.upstream) return state.id;
  }
  return "";
}

// Why nothing may be added to this schema; empty when it may.
std::string RefuseSchema(const db::Schema& schema, bool ignore_unknown) {
  const std::string unknown = FirstUnknown(schema);
  if (!unknown.empty() && !ignore_unknown) {
    return fmt::format(
        "Unable to create migration plan because of {}: unknown migration in database", unknown);
  }
  const db::Understanding understanding = db::Judge(schema);
  if (understanding == db::Understanding::kUpstream) return "";  // it is taken over
  std::string warning;
  const auto status = db::CheckSchema(schema, warning);
  if (!warning.empty()) PrintError("warning: " + warning);
  if (status.ok() || understanding == db::Understanding::kTooOld) return "";
  return std::string(status.message());
}

// "12.3ms", "4.5s".
std::string InGoUnits(Clock::duration time) {
  const double seconds = std::chrono::duration<double>(time).count();
  return seconds < 1 ? fmt::format("{:.3f}ms", seconds * 1000) : fmt::format("{:.3f}s", seconds);
}

std::string Now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::localtime(std::time(nullptr)));
}

// Applies one, with upstream's lines around it.
std::optional<db::Error> ApplyOne(Migration& work, const db::Migration& migration, bool verbose,
                                  Json& applied) {
  if (!work.json()) Print(fmt::format("=  {} {}: migrating\n", Now(), migration.id));
  if (!work.json() && verbose) Print(fmt::format("\t{}\n", migration.up));
  const auto begin = Clock::now();
  bool changed = false;
  if (auto error = work.migrator().Up(migration, work.deadline(), changed)) return error;
  const auto time = Clock::now() - begin;
  if (changed) applied.push_back({{"id", migration.id}, {"seconds", time.count() / 1e9}});
  if (!work.json()) {
    Print(fmt::format("== {} {}: {} ({})\n", Now(), migration.id, changed ? "applied" : "skipped",
                      InGoUnits(time)));
  }
  return std::nullopt;
}

ExitCode Apply(Migration& work, bool verbose) {
  const auto missing = work.migrator().Missing(work.schema());
  if (!work.json() && missing.empty()) Print("praefect sql-migrate: all migrations are up\n");
  if (!work.json() && !missing.empty()) {
    Print(fmt::format("praefect sql-migrate: migrations to apply: {}\n\n", missing.size()));
  }
  if (!work.json() && db::Judge(work.schema()) == db::Understanding::kUpstream) {
    Print("The first of them takes the database of the Go Praefect 18.9 over.\n\n");
  }
  Json applied = Json::array();
  for (const db::Migration& migration : missing) {
    if (auto error = ApplyOne(work, migration, verbose, applied)) return work.Fail(error->message);
  }
  if (work.json()) {
    PrintJson({{"ok", true}, {"applied", applied}});
  } else if (!missing.empty()) {
    Print(fmt::format("\npraefect sql-migrate: OK (applied {} migrations)\n", applied.size()));
  }
  return kDone;
}

ExitCode Migrate(const Invocation& invocation) {
  const auto config = LoadConfig(invocation.config_path, config::Scope::kDatabase);
  if (!config) return kFailed;
  if (!config->database.configured()) {
    Print(
        fmt::format("praefect sql-migrate: the embedded store {} is migrated by `praefect serve` "
                    "when it starts; there is nothing to do\n",
                    config->embedded_store.path));
    return kDone;
  }
  Migration work(invocation, "sql-migrate");
  if (!work.Open(*config)) return kFailed;
  const std::string refusal = RefuseSchema(work.schema(), invocation.Switch("ignore-unknown"));
  if (!refusal.empty()) return work.Fail(refusal);
  return Apply(work, invocation.Switch("verbose"));
}

ExitCode EmbeddedStoreRefused(const config::Config& config, std::string_view command) {
  PrintError(
      fmt::format("praefect {}: fail: no database is configured, and the embedded store {} "
                  "is looked after by `praefect serve` alone",
                  command, config.embedded_store.path));
  return kFailed;
}

// Whether taking these back restores the Go Praefect's tables.
bool GivesBack(Migration& work, const std::vector<db::Migration>& chosen) {
  return db::IsUpstreams(work.schema()) && !chosen.empty() &&
         chosen.size() == work.migrator().Applied(work.schema()).size();
}

ExitCode PrintDryRun(Migration& work, const std::vector<db::Migration>& chosen) {
  if (work.json()) {
    Json ids = Json::array();
    for (const db::Migration& migration : chosen) ids.push_back(migration.id);
    PrintJson({{"ok", true}, {"dry_run", true}, {"would_roll_back", ids}});
    return kDone;
  }
  Print("DRY RUN -- would roll back:\n\n");
  for (const db::Migration& migration : chosen) Print(fmt::format("- {}\n", migration.id));
  if (GivesBack(work, chosen)) {
    Print("\nThe last of them gives the database back to the Go Praefect 18.9.\n");
  }
  Print("\nTo apply these migrations run with -f\n");
  return kDone;
}

ExitCode RollBack(Migration& work, const std::vector<db::Migration>& chosen) {
  Json ids = Json::array();
  for (const db::Migration& migration : chosen) {
    bool changed = false;
    const auto error = work.migrator().Down(migration, work.deadline(), changed);
    if (error) return work.Fail(error->message);
    if (changed) ids.push_back(migration.id);
  }
  if (work.json()) {
    PrintJson({{"ok", true}, {"dry_run", false}, {"rolled_back", ids}});
  } else {
    Print(fmt::format("OK (applied {} \"down\" migrations)\n", ids.size()));
  }
  return kDone;
}

// The only word; nothing when it is wrong, which was said.
std::optional<size_t> CountOf(const Invocation& invocation) {
  if (invocation.words.size() != 1) {
    PrintError(invocation.words.empty()
                   ? "sql-migrate-down requires a single positional argument"
                   : "sql-migrate-down accepts only single positional argument");
    return std::nullopt;
  }
  const std::string& word = invocation.words.front();
  int count = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), count);
  if (error != std::errc() || end != word.data() + word.size()) {
    PrintError(fmt::format("strconv.Atoi: parsing \"{}\": invalid syntax", word));
    return std::nullopt;
  }
  if (count >= 1) return static_cast<size_t>(count);
  PrintError("number of migrations to roll back must be 1 or more");
  return std::nullopt;
}

ExitCode MigrateDown(const Invocation& invocation) {
  const auto count = CountOf(invocation);
  if (!count) return kWrongUsage;
  const auto config = LoadConfig(invocation.config_path, config::Scope::kDatabase);
  if (!config) return kFailed;
  if (!config->database.configured()) return EmbeddedStoreRefused(*config, "sql-migrate-down");
  Migration work(invocation, "sql-migrate-down");
  if (!work.Open(*config)) return kFailed;
  const std::string unknown = FirstUnknown(work.schema());
  if (!unknown.empty()) {
    return work.Fail(
        fmt::format("{} is unknown here and may build on what would go: use the "
                    "Praefect that made it",
                    unknown));
  }
  auto chosen = work.migrator().Applied(work.schema());
  chosen.resize(std::min(chosen.size(), *count));
  return invocation.Switch("f") ? RollBack(work, chosen) : PrintDryRun(work, chosen);
}

ExitCode MigrateStatus(const Invocation& invocation) {
  const auto config = LoadConfig(invocation.config_path, config::Scope::kDatabase);
  if (!config) return kFailed;
  if (!config->database.configured()) return EmbeddedStoreRefused(*config, "sql-migrate-status");
  Migration work(invocation, "sql-migrate-status");
  if (!work.Open(*config)) return kFailed;
  std::string warning;
  const auto problem = db::CheckSchema(work.schema(), warning);
  if (!work.json()) {
    Print(MigrationTable(work.schema()));
    if (!problem.ok()) PrintError("note: " + std::string(problem.message()));
    return kDone;
  }
  Json migrations = Json::array();
  for (const db::MigrationState& state : work.schema().migrations) {
    migrations.push_back(
        {{"id", state.id},
         {"applied_at", state.applied_at.empty() ? Json() : Json(state.applied_at)},
         {"known", state.ours || state.upstream}});
  }
  PrintJson({{"migrations", migrations},
             {"problem", problem.ok() ? Json() : Json(std::string(problem.message()))}});
  return kDone;
}

constexpr Flag kOutput = {"o", "text|json", "text",
                          "How to print what was done; json: one document, nothing else"};
constexpr Flag kTimeout = {
    "timeout", "DURATION", "30s",
    "How long to wait for the database, and for others who migrate it; what has begun takes the "
    "time it needs"};

constexpr Flag kMigrateFlags[] = {
    {"ignore-unknown", "", "true",
     "Migrations in the database that are unknown here do not matter"},
    kOutput,
    kTimeout,
    {"verbose", "", "", "Print each migration's SQL"},
};
constexpr Flag kDownFlags[] = {
    {"f", "", "", "Do it; without it, only what would be done is shown"},
    kOutput,
    kTimeout,
};
constexpr Flag kStatusFlags[] = {kOutput, kTimeout};

}  // namespace

const Command kSqlMigrate = {
    "sql-migrate",
    "Bring the database's schema up to date",
    "Applies the migrations that the database of [database] has not seen, oldest\n"
    "first, each in one transaction. Any number of them may run at the same time,\n"
    "and Praefects of this release may go on serving.\n"
    "\n"
    "A database of the Go Praefect 18.9 is taken over: stop every Go Praefect a\n"
    "minute before. sql-migrate-down of all migrations gives it back.\n"
    "\n"
    "Exit status: 0 when the schema is up to date, 1 when it is not.",
    "praefect -config /etc/praefect/config.toml sql-migrate",
    &Migrate,
    kMigrateFlags};

const Command kSqlMigrateDown = {
    "sql-migrate-down",
    "Take back the newest migrations",
    "Shows the MAX_MIGRATIONS newest migrations of this Praefect that are applied;\n"
    "with -f it takes them back, newest first. What their tables hold is lost: stop\n"
    "every Praefect and make a backup first. A database that was taken over from the\n"
    "Go Praefect 18.9 is given back, as the books are now, with the oldest of them.\n"
    "\n"
    "Exit status: 0 when done, 1 when it failed.",
    "praefect -config /etc/praefect/config.toml sql-migrate-down -f 1",
    &MigrateDown,
    kDownFlags,
    {"MAX_MIGRATIONS", 0, 2}};

const Command kSqlMigrateStatus = {
    "sql-migrate-status",
    "Show which migrations are applied",
    "Lists the migrations that this Praefect has or the database has seen, with the\n"
    "time at which they were applied.\n"
    "\n"
    "Exit status: 0, or 1 when the database cannot be read.",
    "praefect -config /etc/praefect/config.toml sql-migrate-status",
    &MigrateStatus,
    kStatusFlags};

}  // namespace praefect::cmd
