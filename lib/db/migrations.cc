#include "db/migrations.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "db/adoption.h"

namespace praefect::db {
namespace {

constexpr std::string_view kBreaksReaders = "-- breaks older readers\n";
// How long a migration that has begun may take: for ever, as people see it.
constexpr std::chrono::hours kLongestMigration{24};

// "Praefect" as a number: the advisory lock of all who migrate.
constexpr Sql kLock("SELECT pg_catalog.pg_advisory_xact_lock(5796802758516761460)", "SELECT 1");
constexpr Sql kCreateMigrations(
    "CREATE TABLE IF NOT EXISTS schema_migrations (id text PRIMARY KEY, applied_at timestamptz)",
    "CREATE TABLE IF NOT EXISTS schema_migrations (id text PRIMARY KEY NOT NULL, applied_at text)");
constexpr Sql kCreateMinimumReaders(
    "CREATE TABLE IF NOT EXISTS schema_minimum_readers (id text PRIMARY KEY NOT NULL)");
constexpr Sql kIsApplied("SELECT 1 FROM schema_migrations WHERE id = $1");
constexpr Sql kInsert("INSERT INTO schema_migrations (id, applied_at) VALUES ($1, now())",
                      "INSERT INTO schema_migrations (id, applied_at) "
                      "VALUES ($1, strftime('%Y-%m-%d %H:%M:%f', 'now'))");
constexpr Sql kDelete("DELETE FROM schema_migrations WHERE id = $1");
constexpr Sql kInsertReader("INSERT INTO schema_minimum_readers (id) VALUES ($1)");
constexpr Sql kDeleteReader("DELETE FROM schema_minimum_readers WHERE id = $1");
constexpr Sql kTables(
    "SELECT to_regclass('schema_migrations') IS NOT NULL, "
    "to_regclass('schema_minimum_readers') IS NOT NULL",
    "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'), "
    "EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'schema_minimum_readers')");
constexpr Sql kListMigrations(
    "SELECT id, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') "
    "FROM schema_migrations",
    "SELECT id, applied_at FROM schema_migrations");
constexpr Sql kListMinimumReaders("SELECT id FROM schema_minimum_readers");

// As Go prints a time: a fraction without zeros at its end.
std::string GoTime(std::string time) {
  const size_t point = time.find('.');
  if (point != std::string::npos) {
    time.erase(time.find_last_not_of('0') + 1);
    if (time.back() == '.') time.pop_back();
  }
  return time + " +0000 UTC";
}

// One row of each id: what is applied, and what we have.
class Inventory {
 public:
  explicit Inventory(std::span<const Migration> ours) {
    for (const Migration& migration : ours) StateOf(std::string(migration.id)).ours = true;
  }

  void AddApplied(const Rows& rows) {
    const auto upstream = UpstreamMigrations();
    for (size_t i = 0; i < rows.size(); ++i) {
      MigrationState& state = StateOf(rows.Text(i, 0));
      state.applied_at = GoTime(rows.MaybeText(i, 1).value_or("unknown time"));
      state.upstream = std::find(upstream.begin(), upstream.end(), state.id) != upstream.end();
    }
  }

  bool Knows(const std::string& id) const {
    const auto found = states_.find(id);
    return found != states_.end() && found->second.ours;
  }

  std::vector<MigrationState> Take() {
    std::vector<MigrationState> states;
    for (auto& [id, state] : states_) states.push_back(std::move(state));
    return states;
  }

 private:
  MigrationState& StateOf(std::string id) {
    MigrationState& state = states_[id];
    state.id = std::move(id);
    return state;
  }

  std::map<std::string, MigrationState> states_;
};

std::optional<Error> ReadInto(OpenTransaction& open, Inventory& inventory, Schema& schema) {
  const Outcome tables = open.Execute({kTables});
  if (!tables.ok()) return tables.error;
  if (tables.results[0].Boolean(0, 0)) {
    const Outcome migrations = open.Execute({kListMigrations});
    if (!migrations.ok()) return migrations.error;
    inventory.AddApplied(migrations.results[0]);
  }
  if (!tables.results[0].Boolean(0, 1)) return std::nullopt;
  const Outcome readers = open.Execute({kListMinimumReaders});
  if (!readers.ok()) return readers.error;
  for (size_t i = 0; i < readers.results[0].size(); ++i) {
    const std::string& id = readers.results[0].Text(i, 0);
    if (!inventory.Knows(id)) schema.unknown_minimum.push_back(id);
  }
  return std::nullopt;
}

size_t Count(const Schema& schema, bool (*test)(const MigrationState&)) {
  return static_cast<size_t>(
      std::count_if(schema.migrations.begin(), schema.migrations.end(), test));
}

std::string FirstUnknown(const Schema& schema) {
  for (const MigrationState& state : schema.migrations) {
    if (!state.ours && !state.upstream) return state.id;
  }
  return "";
}

const MigrationState* StateOf(const Schema& schema, std::string_view id) {
  const auto found = std::find_if(schema.migrations.begin(), schema.migrations.end(),
                                  [&](const MigrationState& state) { return state.id == id; });
  return found == schema.migrations.end() ? nullptr : &*found;
}

Outcome WaitedInVain(Outcome outcome) {
  if (outcome.error->sqlstate == "55P03") {
    outcome.error->message =
        "wait for another process that migrates this database: it takes longer than "
        "-timeout; try again, or give it more time";
  }
  return outcome;
}

// The answer is whether it is applied.
Outcome TakeLock(OpenTransaction& open, Deadline deadline, std::string_view id) {
  Outcome locked = open.Execute({LimitLockWait(deadline), {kLock}, ForgetTimeouts()});
  if (!locked.ok()) return WaitedInVain(std::move(locked));
  Outcome created = open.Execute({{kCreateMigrations}, {kCreateMinimumReaders}});
  if (!created.ok()) return created;
  return open.Execute({kIsApplied, {std::string(id)}});
}

std::optional<Error> Record(OpenTransaction& open, const Migration& migration, bool up) {
  const std::string id(migration.id);
  std::vector<Statement> statements = {{up ? kInsert : kDelete, {id}}};
  if (migration.up.substr(0, kBreaksReaders.size()) == kBreaksReaders) {
    statements.push_back({up ? kInsertReader : kDeleteReader, {id}});
  }
  return open.Execute(statements).error;
}

}  // namespace

Understanding Judge(const Schema& schema) {
  const size_t missing =
      Count(schema, [](const MigrationState& s) { return s.ours && s.applied_at.empty(); });
  const size_t ours =
      Count(schema, [](const MigrationState& s) { return s.ours && !s.applied_at.empty(); });
  const bool upstream = Count(schema, [](const MigrationState& s) { return s.upstream; }) > 0;
  const bool unknown = !FirstUnknown(schema).empty();
  if (!schema.unknown_minimum.empty()) return Understanding::kTooNew;
  if (ours == 0 && unknown) return Understanding::kForeign;
  if (ours == 0 && IsUpstreams(schema)) return Understanding::kUpstream;
  if (ours == 0 && upstream) return Understanding::kUpstreamOlder;
  if (missing > 0) return Understanding::kTooOld;
  return unknown ? Understanding::kNewerAdditive : Understanding::kCurrent;
}

bool IsUpstreams(const Schema& schema) {
  return Count(schema, [](const MigrationState& s) { return s.upstream; }) ==
         UpstreamMigrations().size();
}

absl::Status CheckSchema(const Schema& schema, std::string& warning) {
  warning.clear();
  switch (Judge(schema)) {
    case Understanding::kCurrent:
      return absl::OkStatus();
    case Understanding::kNewerAdditive:
      warning = fmt::format(
          "the database has migrations of a newer Praefect, {} for instance: upgrade this one soon",
          FirstUnknown(schema));
      return absl::OkStatus();
    case Understanding::kTooOld:
      return absl::FailedPreconditionError(
          "the database's schema is older than this Praefect: run `praefect -config FILE "
          "sql-migrate`");
    case Understanding::kTooNew:
      return absl::FailedPreconditionError(
          fmt::format("the database's schema is for Praefects that know {}: upgrade this Praefect",
                      schema.unknown_minimum.front()));
    case Understanding::kUpstream:
      return absl::FailedPreconditionError(
          "the database was made by the Go Praefect 18.9 and not taken over yet: stop all Go "
          "Praefects, then run `praefect -config FILE sql-migrate`");
    case Understanding::kUpstreamOlder:
      return absl::FailedPreconditionError(
          "the database was made by a Go Praefect older than 18.9, and is left as it is: upgrade "
          "GitLab to 18.9 first, whose Praefect migrates it");
    case Understanding::kForeign:
      return absl::FailedPreconditionError(fmt::format(
          "the database holds {}, a migration of neither this nor the Go Praefect 18.9, "
          "and is left as it is: name another database",
          FirstUnknown(schema)));
  }
  return absl::InternalError("no such understanding");
}

std::optional<Error> Migrator::Read(Deadline deadline, Schema& schema) {
  Inventory inventory(migrations_);
  schema = {};
  auto error =
      database_
          .WaitSteps([&](OpenTransaction& open) { return ReadInto(open, inventory, schema); },
                     deadline)
          .error;
  schema.migrations = inventory.Take();
  return error;
}

std::vector<Migration> Migrator::Missing(const Schema& schema) const {
  std::vector<Migration> missing;
  for (const Migration& migration : migrations_) {
    const MigrationState* state = StateOf(schema, migration.id);
    if (state == nullptr || state->applied_at.empty())
      missing.push_back(FormFor(migration, schema));
  }
  return missing;
}

std::vector<Migration> Migrator::Applied(const Schema& schema) const {
  std::vector<Migration> applied;
  for (const Migration& migration : migrations_) {
    const MigrationState* state = StateOf(schema, migration.id);
    if (state != nullptr && !state->applied_at.empty())
      applied.push_back(FormFor(migration, schema));
  }
  std::reverse(applied.begin(), applied.end());
  return applied;
}

std::optional<Error> Migrator::Up(const Migration& migration, Deadline deadline, bool& changed) {
  return Change(migration, Direction::kUp, deadline, changed);
}

std::optional<Error> Migrator::Down(const Migration& migration, Deadline deadline, bool& changed) {
  return Change(migration, Direction::kDown, deadline, changed);
}

std::optional<Error> Migrator::UpAll(Deadline deadline) {
  Schema schema;
  if (auto error = Read(deadline, schema)) return error;
  std::string warning;
  const absl::Status status = CheckSchema(schema, warning);
  if (!status.ok() && Judge(schema) != Understanding::kTooOld) {
    return Error{Layer::kDatabase, "", std::string(status.message())};
  }
  for (const Migration& migration : Missing(schema)) {
    bool changed = false;
    if (auto error = Up(migration, deadline, changed)) return error;
  }
  return std::nullopt;
}

std::optional<Error> Migrator::Change(const Migration& migration, Direction direction,
                                      Deadline deadline, bool& changed) {
  const bool up = direction == Direction::kUp;
  changed = false;
  const Steps steps = [&](OpenTransaction& open) -> std::optional<Error> {
    const Outcome locked = TakeLock(open, deadline, migration.id);
    if (!locked.ok()) return locked.error;
    changed = locked.results[0].empty() == up;
    if (!changed) return std::nullopt;
    Migration form = migration;
    if (auto error = Choose(open, direction, deadline, form)) return error;
    auto error = open.RunScript(std::string(up ? form.up : form.down));
    if (!error) error = Record(open, migration, up);
    if (error) error->message += fmt::format(" handling {}", migration.id);
    return error;
  };
  auto error = database_.WaitSteps(steps, {deadline, After(kLongestMigration)}).error;
  if (error) changed = false;
  return error;
}

std::optional<Error> Migrator::Choose(OpenTransaction& open, Direction direction, Deadline deadline,
                                      Migration& migration) const {
  if (adoption_ == nullptr) return std::nullopt;
  if (direction == Direction::kUp && migration.id != adoption_->id) return std::nullopt;
  Inventory inventory(migrations_);
  Schema schema;
  if (auto error = ReadInto(open, inventory, schema)) return error;
  schema.migrations = inventory.Take();
  migration = FormFor(migration, schema);
  if (direction == Direction::kDown) {
    return IsUpstreams(schema) ? ReadyToGiveBack(open, deadline) : std::nullopt;
  }
  const Understanding understanding = Judge(schema);
  if (understanding == Understanding::kUpstream) return ReadyToAdopt(open, deadline);
  if (understanding == Understanding::kTooOld) return std::nullopt;
  std::string warning;
  return Error{Layer::kDatabase, "", std::string(CheckSchema(schema, warning).message())};
}

Migration Migrator::FormFor(const Migration& migration, const Schema& schema) const {
  const bool adopts = adoption_ != nullptr && migration.id == adoption_->id && IsUpstreams(schema);
  return adopts ? *adoption_ : migration;
}

}  // namespace praefect::db
