#include "datastore/repository_rows.h"

#include <algorithm>
#include <array>
#include <utility>

#include "datastore/rules.h"

namespace praefect::datastore {
namespace {

using db::Integers;
using db::Sql;
using db::Statement;

// What one statement returns of a repository: its own row, its replicas and jobs, its intents, its
// assignments, and the intents of others that use it.
enum Tag : int64_t { kRepositoryRow, kReplicaRow, kIntentRow, kAssignmentRow, kUseRow };
enum Column : size_t {
  kTag,
  kName,          // virtual storage; storage
  kRelativePath,  // of the repository; the filesystem_id aside
  kReplicaPath,
  kStorage,  // primary; source
  kState,    // of the repository; of the job
  kKind,
  kId,  // of the repository; of the intent
  kTerm,
  kGeneration,
  kNumber,  // acknowledged; aside
  kWanted,
  kClaim,
  kRun,
  kInstance,
  kAttempts,
  kError,
  kFlag,  // renamed; has a row; lingers
  kVerified,
  kSuspect,
  kQuiet,
};
#define PRAEFECT_LOAD(condition)                                                                 \
  "WITH r AS (SELECT * FROM repositories WHERE " condition                                       \
  "), s AS (SELECT s.* FROM r JOIN storage_repositories s ON s.repository_id = r.repository_id)" \
  ", j AS (SELECT j.* FROM r JOIN replication_jobs j ON j.repository_id = r.repository_id) "     \
  "SELECT 0, virtual_storage, relative_path, replica_path, \"primary\", state, "                 \
  "CAST(NULL AS text), repository_id, term, generation, acknowledged, CAST(NULL AS bigint), "    \
  "CAST(NULL AS bigint), CAST(NULL AS bigint), CAST(NULL AS bigint), CAST(NULL AS bigint), "     \
  "CAST(NULL AS text), renamed, "                                                                \
  "CAST(NULL AS boolean), CAST(NULL AS boolean), CAST(NULL AS boolean) FROM r "                  \
  "UNION ALL SELECT 1, coalesce(s.storage, j.storage), s.aside_filesystem_id, NULL, j.source, "  \
  "j.state, j.kind, "                                                                            \
  "NULL, NULL, s.generation, s.aside, j.wanted, j.claim, j.run, j.instance, "                    \
  "j.attempts, j.error, "                                                                        \
  "s.storage IS NOT NULL, s.verified_at IS NOT NULL, s.suspect, j.quiet "                        \
  "FROM s FULL JOIN j ON s.storage = j.storage "                                                 \
  "UNION ALL SELECT 2, i.storage, NULL, NULL, NULL, NULL, NULL, i.id, i.term, NULL, NULL, "      \
  "NULL, NULL, NULL, i.instance, NULL, NULL, i.lingering, NULL, NULL, NULL "                     \
  "FROM r JOIN write_intents i ON i.repository_id = r.repository_id "                            \
  "UNION ALL SELECT 3, a.storage, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "  \
  "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL "                                        \
  "FROM r JOIN repository_assignments a ON a.repository_id = r.repository_id "                   \
  "UNION ALL SELECT 4, i.storage, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "  \
  "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL "                                        \
  "FROM r JOIN write_intents i ON i.additional_repository_id = r.repository_id "                 \
  "ORDER BY 1, 8, 18 DESC, 2"
constexpr Sql kLoadById(PRAEFECT_LOAD("repository_id = $1"));
constexpr Sql kLoadByName(PRAEFECT_LOAD("virtual_storage = $1 AND relative_path = $2"));
#undef PRAEFECT_LOAD
constexpr Sql kLockById(
    "SELECT repository_id FROM repositories WHERE repository_id = $1 FOR UPDATE", "SELECT $1");
constexpr Sql kLockByName(
    "SELECT repository_id FROM repositories WHERE virtual_storage = $1 AND relative_path = $2 "
    "FOR UPDATE",
    "SELECT repository_id FROM repositories WHERE virtual_storage = $1 AND relative_path = $2");

constexpr Sql kSaveRepository(
    "UPDATE repositories SET relative_path = $2, \"primary\" = $3, term = $4, generation = $5, "
    "acknowledged = $6, state = $7, renamed = $8 WHERE repository_id = $1");
constexpr Sql kDeleteRepository("DELETE FROM repositories WHERE repository_id = $1");
constexpr Sql kRetirePath(
    "INSERT INTO retired_paths (virtual_storage, replica_path) VALUES ($1, $2) "
    "ON CONFLICT DO NOTHING");
#define PRAEFECT_SAVE_REPLICA(now)                                                           \
  "INSERT INTO storage_repositories AS s (repository_id, storage, generation, verified_at, " \
  "suspect, aside, aside_filesystem_id) VALUES ($1, $2, $3, CASE WHEN $4 THEN " now          \
  " END, $5, $6, $7) ON CONFLICT (repository_id, storage) DO UPDATE SET "                    \
  "generation = excluded.generation, "                                                       \
  "verified_at = CASE WHEN excluded.verified_at IS NULL THEN NULL "                          \
  "ELSE coalesce(s.verified_at, excluded.verified_at) END, suspect = excluded.suspect, "     \
  "aside = excluded.aside, aside_filesystem_id = excluded.aside_filesystem_id"
constexpr Sql kSaveReplica(PRAEFECT_SAVE_REPLICA("now()"),
                           PRAEFECT_SAVE_REPLICA("strftime('%Y-%m-%d %H:%M:%f', 'now')"));
#undef PRAEFECT_SAVE_REPLICA
constexpr Sql kDeleteReplica(
    "DELETE FROM storage_repositories WHERE repository_id = $1 AND storage = $2");
// $14: put off for so many milliseconds; 0 leaves it due when it was while its state is the same,
// unless its error is forgotten: it is wanted anew.
#define PRAEFECT_SAVE_JOB(now, later)                                                            \
  "INSERT INTO replication_jobs AS j (repository_id, storage, virtual_storage, kind, state, "    \
  "wanted, source, claim, quiet, run, instance, error, attempts, not_before, wanted_at) VALUES " \
  "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, " later ", " now                     \
  ") "                                                                                           \
  "ON CONFLICT (repository_id, storage) DO UPDATE SET kind = excluded.kind, "                    \
  "state = excluded.state, wanted = excluded.wanted, source = excluded.source, "                 \
  "claim = excluded.claim, quiet = excluded.quiet, run = excluded.run, "                         \
  "instance = excluded.instance, error = excluded.error, attempts = excluded.attempts, "         \
  "not_before = CASE WHEN $14 = 0 AND excluded.state = j.state AND (excluded.error IS NOT NULL " \
  "OR j.error IS NULL) THEN j.not_before "                                                       \
  "ELSE excluded.not_before END"
constexpr Sql kSaveJob(PRAEFECT_SAVE_JOB("clock_timestamp()",
                                         "clock_timestamp() + $14 * interval '1 millisecond'"),
                       PRAEFECT_SAVE_JOB("strftime('%Y-%m-%d %H:%M:%f', 'now')",
                                         "strftime('%Y-%m-%d %H:%M:%f', 'now', "
                                         "($14 / 1000.0) || ' seconds')"));
#undef PRAEFECT_SAVE_JOB
constexpr Sql kDeleteJob("DELETE FROM replication_jobs WHERE repository_id = $1 AND storage = $2");
constexpr Sql kInsertIntent(
    "INSERT INTO write_intents (id, repository_id, storage, term, lingering, instance) "
    "VALUES ($1, $2, $3, $4, $5, $6)");
constexpr Sql kLingerIntent("UPDATE write_intents SET lingering = $2 WHERE id = $1");
constexpr Sql kDeleteIntent("DELETE FROM write_intents WHERE id = $1");
constexpr Sql kAssign(
    "INSERT INTO repository_assignments (repository_id, storage) VALUES ($1, $2) "
    "ON CONFLICT DO NOTHING");
constexpr Sql kNotify("SELECT pg_notify('repositories_updates', CAST($1 AS text))", "SELECT 1");

constexpr std::array<std::string_view, 3> kRepositoryStates = {"creating", "live", "removing"};
constexpr std::array<std::string_view, 2> kJobKinds = {"copy", "delete"};
constexpr std::array<std::string_view, 5> kJobStates = {"none", "ready", "running", "lingering",
                                                        "parked"};

template <class Value, size_t n>
Value FromText(const std::array<std::string_view, n>& texts, std::string_view text) {
  return static_cast<Value>(std::find(texts.begin(), texts.end(), text) - texts.begin());
}
template <class Value, size_t n>
std::string ToText(const std::array<std::string_view, n>& texts, Value value) {
  return std::string(texts[static_cast<size_t>(value)]);
}

db::Parameter TextOrNull(std::string text) {
  return text.empty() ? db::Parameter(db::Null()) : db::Parameter(std::move(text));
}

void ParseRow(const db::Rows& rows, size_t i, Repository& repository) {
  Books& books = repository.books;
  repository.id = rows.Integer(i, kId);
  repository.name = {rows.Text(i, kName), rows.MaybeText(i, kRelativePath).value_or("")};
  repository.replica_path = rows.Text(i, kReplicaPath);
  repository.renamed = rows.Boolean(i, kFlag);
  books.term = rows.Integer(i, kTerm);
  books.generation = rows.Integer(i, kGeneration);
  books.acknowledged = rows.Integer(i, kNumber);
  books.state = FromText<RepositoryState>(kRepositoryStates, rows.Text(i, kState));
}

void ParseReplica(const db::Rows& rows, size_t i, Repository& repository) {
  Replica& replica = repository.books.replicas[repository.Place(rows.Text(i, kName))];
  replica.row = rows.Boolean(i, kFlag);
  if (replica.row) {
    replica.generation = rows.Integer(i, kGeneration);
    replica.verified = rows.Boolean(i, kVerified);
    replica.suspect = rows.Boolean(i, kSuspect);
    replica.aside = rows.Integer(i, kNumber);
    replica.aside_filesystem_id = rows.MaybeText(i, kRelativePath).value_or("");
  }
  if (rows.IsNull(i, kState)) return;
  replica.job = {.state = ParseJobState(rows.Text(i, kState)),
                 .kind = ParseJobKind(rows.Text(i, kKind)),
                 .wanted = rows.Integer(i, kWanted),
                 .claim = rows.Integer(i, kClaim),
                 .quiet = rows.Boolean(i, kQuiet),
                 .run = rows.MaybeInteger(i, kRun).value_or(0),
                 .instance = rows.MaybeInteger(i, kInstance).value_or(0),
                 .attempts = static_cast<int>(rows.Integer(i, kAttempts)),
                 .error = rows.MaybeText(i, kError).value_or("")};
}

// Storages are named by the rows of replicas, and may be named by others besides.
int MaybePlace(const db::Rows& rows, size_t i, size_t column, Repository& repository) {
  const auto storage = rows.MaybeText(i, column);
  return storage ? repository.Place(*storage) : kNoStorage;
}

void ParseStorages(const db::Rows& rows, size_t i, Repository& repository) {
  const int named = MaybePlace(rows, i, kStorage, repository);
  Books& books = repository.books;
  if (rows.Integer(i, kTag) == kRepositoryRow) {
    books.primary = named;
  } else if (rows.Integer(i, kTag) == kReplicaRow) {
    books.replicas[repository.Position(rows.Text(i, kName))].job.source = named;
  } else if (rows.Integer(i, kTag) == kIntentRow) {
    const int storage = MaybePlace(rows, i, kName, repository);
    books.intents.push_back({.id = rows.Integer(i, kId),
                             .storage = storage,
                             .term = rows.Integer(i, kTerm),
                             .lingering = rows.Boolean(i, kFlag),
                             .instance = rows.Integer(i, kInstance)});
  } else if (rows.Integer(i, kTag) == kUseRow) {
    const int storage = repository.Position(rows.Text(i, kName));
    if (storage != kNoStorage) books.replicas[storage].in_use = true;
  }
}

bool SameRow(const Replica& a, const Replica& b) {
  return a.row == b.row && a.generation == b.generation && a.verified == b.verified &&
         a.suspect == b.suspect && a.aside == b.aside &&
         a.aside_filesystem_id == b.aside_filesystem_id;
}

// The statements that turn the rows of one value into those of another.
class Difference {
 public:
  Difference(const Repository& before, const Repository& after) : before_(before), after_(after) {
    const bool forget = MayForget(after.books);
    if (!forget) SaveRow();
    for (size_t i = 0; i < after.storages.size(); ++i) SaveReplica(static_cast<int>(i));
    SaveIntents();
    if (!forget) SaveAssignments();
    if (forget) Forget();
    if (!statements_.empty()) statements_.push_back({kNotify, {std::to_string(after.id)}});
  }

  std::vector<Statement> Take() { return std::move(statements_); }

 private:
  void Add(Sql sql, std::vector<db::Parameter> parameters) {
    statements_.push_back({sql, std::move(parameters)});
  }

  void SaveRow() {
    const Books& was = before_.books;
    const Books& is = after_.books;
    const std::string primary = after_.Name(is.primary);
    if (before_.name == after_.name && before_.renamed == after_.renamed && was.state == is.state &&
        before_.Name(was.primary) == primary && was.term == is.term &&
        was.generation == is.generation && was.acknowledged == is.acknowledged) {
      return;
    }
    Add(kSaveRepository,
        {after_.id, TextOrNull(after_.name.relative_path), TextOrNull(primary), is.term,
         is.generation, is.acknowledged, ToText(kRepositoryStates, is.state), after_.renamed});
  }

  void SaveReplica(int position) {
    const std::string& storage = after_.storages[position];
    const int old = before_.Position(storage);
    const Replica was = old == kNoStorage ? Replica() : before_.books.replicas[old];
    const Replica& is = after_.books.replicas[position];
    if (!is.row && was.row) Add(kDeleteReplica, {after_.id, storage});
    if (is.row && !SameRow(was, is)) {
      Add(kSaveReplica, {after_.id, storage, is.generation, is.verified, is.suspect, is.aside,
                         TextOrNull(is.aside_filesystem_id)});
    }
    SaveJob(storage, was.job, is.job);
  }

  void SaveJob(const std::string& storage, const Job& was, const Job& is) {
    if (is.state == JobState::kNone) {
      if (was.state != JobState::kNone) Add(kDeleteJob, {after_.id, storage});
      return;
    }
    const std::string source = after_.Name(is.source);
    Job was_named = was;  // positions may differ, names count
    was_named.source = is.source;
    if (was_named == is && before_.Name(was.source) == source) return;
    const bool owned = is.run != 0;
    Add(kSaveJob, {after_.id, storage, after_.name.virtual_storage, ToText(kJobKinds, is.kind),
                   ToText(kJobStates, is.state), is.wanted, TextOrNull(source), is.claim, is.quiet,
                   owned ? db::Parameter(is.run) : db::Parameter(db::Null()),
                   owned ? db::Parameter(is.instance) : db::Parameter(db::Null()),
                   TextOrNull(is.error), int64_t{is.attempts}, int64_t{is.delay.count()}});
  }

  static const Intent* FindIntent(const Repository& repository, int64_t id) {
    for (const Intent& intent : repository.books.intents) {
      if (intent.id == id) return &intent;
    }
    return nullptr;
  }

  void SaveIntents() {
    for (const Intent& was : before_.books.intents) {
      if (FindIntent(after_, was.id) == nullptr) Add(kDeleteIntent, {was.id});
    }
    for (const Intent& is : after_.books.intents) {
      const Intent* was = FindIntent(before_, is.id);
      if (was == nullptr) {
        Add(kInsertIntent, {is.id, after_.id, TextOrNull(after_.Name(is.storage)), is.term,
                            is.lingering, is.instance});
      } else if (was->lingering != is.lingering) {
        Add(kLingerIntent, {is.id, is.lingering});
      }
    }
  }

  // They are only ever made.
  void SaveAssignments() {
    for (const std::string& storage : after_.assignments) {
      const auto& were = before_.assignments;
      if (std::find(were.begin(), were.end(), storage) == were.end()) {
        Add(kAssign, {after_.id, storage});
      }
    }
  }

  void Forget() {
    if (after_.renamed) Add(kRetirePath, {after_.name.virtual_storage, after_.replica_path});
    Add(kDeleteRepository, {after_.id});
  }

  const Repository& before_;
  const Repository& after_;
  std::vector<Statement> statements_;
};

}  // namespace

JobKind ParseJobKind(std::string_view text) { return FromText<JobKind>(kJobKinds, text); }
JobState ParseJobState(std::string_view text) { return FromText<JobState>(kJobStates, text); }

Statement LoadStatement(int64_t id) { return {kLoadById, {id}}; }

Statement LoadStatement(const RepositoryName& name) {
  return {kLoadByName, {name.virtual_storage, name.relative_path}};
}

std::optional<Repository> ParseRepository(const db::Rows& rows) {
  if (rows.empty()) return std::nullopt;
  Repository repository;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows.Integer(i, kTag) == kRepositoryRow) ParseRow(rows, i, repository);
    if (rows.Integer(i, kTag) == kReplicaRow) ParseReplica(rows, i, repository);
    if (rows.Integer(i, kTag) == kAssignmentRow) {
      repository.assignments.push_back(rows.Text(i, kName));
    }
  }
  for (size_t i = 0; i < rows.size(); ++i) ParseStorages(rows, i, repository);
  return repository;
}

namespace {

Found LoadLocked(db::OpenTransaction& open, const Statement& lock, const Statement& load) {
  const db::Outcome outcome = open.Execute({lock, load});
  if (!outcome.ok()) return {outcome.error, {}};
  auto repository = ParseRepository(outcome.results[1]);
  if (!repository) return {};
  const db::Rows& locked = outcome.results[0];
  if (!locked.empty() && locked.Integer(0, 0) == repository->id) return {{}, std::move(repository)};
  return {db::Error{db::Layer::kStatement, "40001",
                    "change a repository: its name went to another one meanwhile; try again"},
          {}};
}

}  // namespace

Found Load(db::OpenTransaction& open, int64_t id, Lock lock) {
  if (lock == Lock::kForUpdate) return LoadLocked(open, {kLockById, {id}}, LoadStatement(id));
  const db::Outcome outcome = open.Execute(LoadStatement(id));
  if (!outcome.ok()) return {outcome.error, {}};
  return {{}, ParseRepository(outcome.results[0])};
}

Found Load(db::OpenTransaction& open, const RepositoryName& name, Lock lock) {
  const Statement load = LoadStatement(name);
  if (lock == Lock::kForUpdate) return LoadLocked(open, {kLockByName, load.parameters}, load);
  const db::Outcome outcome = open.Execute(load);
  if (!outcome.ok()) return {outcome.error, {}};
  return {{}, ParseRepository(outcome.results[0])};
}

std::optional<db::Error> Save(db::OpenTransaction& open, const Repository& before,
                              const Repository& after) {
  const std::vector<Statement> statements = Difference(before, after).Take();
  if (statements.empty()) return std::nullopt;
  return open.Execute(statements).error;
}

}  // namespace praefect::datastore
