#include "datastore/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "datastore/changes.h"
#include "datastore/instance_rows.h"
#include "datastore/names.h"
#include "datastore/repository_rows.h"
#include "datastore/rules.h"
#include "datastore/steps.h"

namespace praefect::datastore {
namespace {

using db::Sql;
using db::Statement;

// Rows that end with the parent of a path are sought by equality, those below it by a range:
// '0' is the character after '/'.
constexpr Sql kOverlaps(
    "SELECT EXISTS (SELECT 1 FROM repositories WHERE virtual_storage = $1 AND (replica_path = "
    "ANY ($2) OR (replica_path >= $3 AND replica_path < $4))) OR EXISTS (SELECT 1 FROM "
    "retired_paths WHERE virtual_storage = $1 AND (replica_path = ANY ($2) OR "
    "(replica_path >= $3 AND replica_path < $4)))",
    "SELECT EXISTS (SELECT 1 FROM repositories WHERE virtual_storage = $1 AND (replica_path IN "
    "(SELECT value FROM json_each($2)) OR (replica_path >= $3 AND replica_path < $4))) OR "
    "EXISTS (SELECT 1 FROM retired_paths WHERE virtual_storage = $1 AND (replica_path IN "
    "(SELECT value FROM json_each($2)) OR (replica_path >= $3 AND replica_path < $4)))");
constexpr Sql kNextId("SELECT nextval('repositories_repository_id_seq')",
                      "SELECT coalesce((SELECT seq FROM sqlite_sequence "
                      "WHERE name = 'repositories'), 0) + 1");
constexpr Sql kCreate(
    "INSERT INTO repositories (repository_id, virtual_storage, relative_path, replica_path, "
    "\"primary\", state) VALUES ($1, $2, $3, $4, $5, 'creating') ON CONFLICT DO NOTHING "
    "RETURNING repository_id");
constexpr Sql kAssign(
    "INSERT INTO repository_assignments (repository_id, storage) SELECT $1, unnest($2)",
    "INSERT INTO repository_assignments (repository_id, storage) SELECT $1, value FROM "
    "json_each($2)");
constexpr Sql kFindPlace(
    "SELECT coalesce(max(repository_id), 0) FROM repositories WHERE virtual_storage = $1 "
    "AND replica_path = $2");
constexpr Sql kNameIsFree(
    "SELECT NOT EXISTS (SELECT 1 FROM repositories WHERE virtual_storage = $1 "
    "AND relative_path = $2)");
constexpr Sql kEvents(
    "SELECT id, CAST(at AS text), kind, coalesce(repository_id, 0), coalesce(virtual_storage, ''), "
    "coalesce(path, ''), coalesce(storage, ''), coalesce(detail, '') FROM events "
    "ORDER BY id DESC LIMIT $1");
constexpr Sql kEventsOf(
    "SELECT id, CAST(at AS text), kind, coalesce(repository_id, 0), coalesce(virtual_storage, ''), "
    "coalesce(path, ''), coalesce(storage, ''), coalesce(detail, '') FROM events "
    "WHERE repository_id = $2 ORDER BY id DESC LIMIT $1");
// By id: gaps in them only make fewer rows.
constexpr Sql kSweepEvents(
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id <= "
    "(SELECT max(id) FROM events) - $1 ORDER BY id LIMIT $2)");

// In one round trip; `parse` sees the results of a transaction that was committed.
template <class T>
void Run(db::Database& database, std::vector<Statement> statements, bool read_only,
         db::Deadline deadline, Callback<T> done,
         std::function<T(const std::vector<db::Rows>&)> parse) {
  database.Run({std::move(statements), deadline, read_only},
               [done = std::move(done), parse = std::move(parse)](db::Outcome outcome) {
                 if (!outcome.ok()) return done({std::move(outcome.error)});
                 done({std::nullopt, parse(outcome.results)});
               });
}

// A promotion, or the start of a copy: they rest on what the books remember of claims.
bool RestsOnClaims(const Repository& before, const Repository& after) {
  if (before.books.state != RepositoryState::kLive) return false;
  const std::string primary = after.Name(after.books.primary);
  if (!primary.empty() && primary != before.Name(before.books.primary)) return true;
  for (size_t i = 0; i < after.storages.size(); ++i) {
    const Job& job = after.books.replicas[i].job;
    if (job.state != JobState::kRunning || job.kind != JobKind::kCopy) continue;
    const int was = before.Position(after.storages[i]);
    if (was == kNoStorage || before.books.replicas[was].job.run != job.run) return true;
  }
  return false;
}

enum class Claims { kBelieved, kDoubted };  // kDoubted: while commits may be lost

std::optional<db::Error> ChangeFound(db::OpenTransaction& open, Found found, const Rule& rule,
                                     const Storages& storages, Claims claims, Changed& changed) {
  changed = Changed::kNotFound;
  if (found.error || !found.repository) return found.error;
  const Repository before = *found.repository;
  Repository& after = *found.repository;
  PlaceWanted(after, storages);
  changed = rule(after) ? Changed::kDone : Changed::kRefused;
  if (changed == Changed::kRefused) return std::nullopt;
  if (claims == Claims::kDoubted && RestsOnClaims(before, after)) {
    const db::Outcome settled = open.Execute(AllSettledStatement());
    if (!settled.ok()) return settled.error;
    if (!settled.results[0].Boolean(0, 0)) changed = Changed::kRefused;
    if (changed == Changed::kRefused) return std::nullopt;
  }
  if (after.books.state == RepositoryState::kRemoving) after.name.relative_path.clear();
  if (auto error = Record(open, before, EventsOf(before, after))) return error;
  return Save(open, before, after);
}

template <class Key>
void ChangeKey(db::Database& database, std::shared_ptr<const Storages> storages, Key key, Rule rule,
               Claims claims, db::Deadline deadline, Callback<Changed> done) {
  RunSteps<Changed>(database, deadline, std::move(done),
                    [storages = std::move(storages), key = std::move(key), rule = std::move(rule),
                     claims](db::OpenTransaction& open, Changed& changed) {
                      return ChangeFound(open, Load(open, key, Lock::kForUpdate), rule, *storages,
                                         claims, changed);
                    });
}

template <class Key>
void FindKey(db::Database& database, const Key& key, db::Deadline deadline,
             Callback<std::optional<Repository>> done) {
  Run<std::optional<Repository>>(
      database, {LoadStatement(key)}, true, deadline, std::move(done),
      [](const std::vector<db::Rows>& results) { return ParseRepository(results[0]); });
}

Statement OverlapsStatement(const RepositoryName& path) {
  const std::string& whole = path.relative_path;
  const std::vector<std::string> at = WithParents(whole);
  return {kOverlaps,
          {path.virtual_storage, db::Texts(at.begin(), at.end()), whole + "/", whole + "0"}};
}

db::Parameter TextOrNull(const std::string& text) {
  return text.empty() ? db::Parameter(db::Null()) : db::Parameter(text);
}

// Refused when the name or the place was taken since the caller asked.
std::optional<db::Error> RecordCreation(db::OpenTransaction& open, const Creation& creation,
                                        Created& created) {
  const RepositoryName place{creation.name.virtual_storage, creation.replica_path};
  std::vector<Statement> statements = {
      {kLockPathsOf, {creation.name.virtual_storage}},
      {kNextId},
      {kNameIsFree, {creation.name.virtual_storage, creation.name.relative_path}}};
  if (!creation.replica_path.empty()) statements.push_back(OverlapsStatement(place));
  const db::Outcome asked = open.Execute(statements);
  if (!asked.ok()) return asked.error;
  if (!asked.results[2].Boolean(0, 0)) return std::nullopt;
  if (!creation.replica_path.empty() && asked.results[3].Boolean(0, 0)) return std::nullopt;
  const int64_t id = asked.results[1].Integer(0, 0);
  const std::string path =
      creation.replica_path.empty() ? ClusterPath(id, creation.pool) : creation.replica_path;
  Repository repository;
  repository.id = id;
  repository.name = creation.name;
  repository.replica_path = path;
  repository.books.state = RepositoryState::kCreating;
  const Repository before = repository;
  if (!creation.primary.empty()) repository.books.primary = repository.Place(creation.primary);
  for (Replica& replica : repository.books.replicas) {
    replica = {.row = true, .generation = 0, .verified = true};
  }
  repository.books.intents.push_back({.id = creation.intent,
                                      .storage = repository.books.primary,
                                      .term = repository.books.term,
                                      .instance = creation.instance});
  const db::Outcome inserted =
      open.Execute({kCreate,
                    {id, creation.name.virtual_storage, creation.name.relative_path, path,
                     TextOrNull(creation.primary)}});
  if (!inserted.ok() || inserted.results[0].empty()) return inserted.error;
  Repository recorded = before;
  recorded.books.primary = repository.books.primary;
  recorded.storages = repository.storages;
  recorded.books.replicas.resize(repository.storages.size());
  created = {id, path};
  if (!creation.assignments.empty()) {
    const db::Texts assigned(creation.assignments.begin(), creation.assignments.end());
    const db::Outcome outcome = open.Execute({kAssign, {id, assigned}});
    if (!outcome.ok()) return outcome.error;
  }
  return Save(open, recorded, repository);
}

}  // namespace

void Store::Configure(Storages storages) {
  auto configured = std::make_shared<const Storages>(std::move(storages));
  const observe::MutexLock lock(mutex_);
  storages_.swap(configured);
}

std::shared_ptr<const Storages> Store::storages() const {
  const observe::MutexLock lock(mutex_);
  return storages_;
}

void Store::Find(RepositoryName name, db::Deadline deadline,
                 Callback<std::optional<Repository>> done) {
  if (auto error = CheckName(name)) return done({std::move(error)});
  FindKey(database_, name, deadline, std::move(done));
}

void Store::Find(int64_t id, db::Deadline deadline, Callback<std::optional<Repository>> done) {
  FindKey(database_, id, deadline, std::move(done));
}

void Store::Change(RepositoryName name, Rule rule, db::Deadline deadline, Callback<Changed> done) {
  if (auto error = CheckName(name)) return done({std::move(error)});
  ChangeKey(database_, storages(), std::move(name), std::move(rule),
            heeds_timeline_ ? Claims::kDoubted : Claims::kBelieved, deadline, std::move(done));
}

void Store::Change(int64_t id, Rule rule, db::Deadline deadline, Callback<Changed> done) {
  ChangeKey(database_, storages(), id, std::move(rule),
            heeds_timeline_ ? Claims::kDoubted : Claims::kBelieved, deadline, std::move(done));
}

void Store::SettleAgain(SettledWrite write, db::Deadline deadline, Callback<Changed> done) {
  const int64_t id = write.repository_id;
  ChangeKey(database_, storages(), id, SettleWriteAgain(std::move(write)), Claims::kBelieved,
            deadline, std::move(done));
}

void Store::FindPlace(std::string virtual_storage, std::string replica_path, db::Deadline deadline,
                      Callback<int64_t> done) {
  if (auto error = CheckName({virtual_storage, replica_path})) return done({std::move(error)});
  Run<int64_t>(database_, {{kFindPlace, {std::move(virtual_storage), std::move(replica_path)}}},
               true, deadline, std::move(done),
               [](const std::vector<db::Rows>& results) { return results[0].Integer(0, 0); });
}

void Store::Overlaps(RepositoryName path, db::Deadline deadline, Callback<bool> done) {
  if (auto error = CheckName(path)) return done({std::move(error)});
  Run<bool>(database_, {OverlapsStatement(path)}, true, deadline, std::move(done),
            [](const std::vector<db::Rows>& results) { return results[0].Boolean(0, 0); });
}

void Store::Create(Creation creation, db::Deadline deadline, Callback<Created> done) {
  if (auto error = CheckName(creation.name)) return done({std::move(error)});
  RunSteps<Created>(database_, deadline, std::move(done),
                    [creation = std::move(creation)](db::OpenTransaction& open, Created& created) {
                      return RecordCreation(open, creation, created);
                    });
}

void Store::Rename(RepositoryName from, std::string to, db::Deadline deadline,
                   Callback<Changed> done) {
  for (const std::string& path : {from.relative_path, to}) {
    if (auto error = CheckName({from.virtual_storage, path})) return done({std::move(error)});
  }
  RunSteps<Changed>(database_, deadline, std::move(done),
                    [from = std::move(from), to = std::move(to), storages = storages()](
                        db::OpenTransaction& open, Changed& changed) -> std::optional<db::Error> {
                      const db::Outcome free =
                          open.Execute({{kLockPathsOf, {from.virtual_storage}},
                                        {kNameIsFree, {from.virtual_storage, to}}});
                      if (!free.ok()) return free.error;
                      const bool is_free = free.results[1].Boolean(0, 0);
                      const Rule rule = [&](Repository& repository) {
                        if (repository.books.state != RepositoryState::kLive || !is_free)
                          return false;
                        repository.name.relative_path = to;
                        repository.renamed = true;
                        return true;
                      };
                      return ChangeFound(open, Load(open, from, Lock::kForUpdate), rule, *storages,
                                         Claims::kBelieved, changed);
                    });
}

void Store::Events(std::optional<int64_t> repository_id, int limit, db::Deadline deadline,
                   Callback<std::vector<RecordedEvent>> done) {
  Statement statement{kEvents, {int64_t{limit}}};
  if (repository_id) statement = {kEventsOf, {int64_t{limit}, *repository_id}};
  Run<std::vector<RecordedEvent>>(
      database_, {std::move(statement)}, true, deadline, std::move(done),
      [](const std::vector<db::Rows>& results) {
        const db::Rows& rows = results[0];
        std::vector<RecordedEvent> events;
        for (size_t i = 0; i < rows.size(); ++i) {
          events.push_back({rows.Integer(i, 0), rows.Text(i, 1), rows.Text(i, 2),
                            rows.Integer(i, 3), rows.Text(i, 4), rows.Text(i, 5), rows.Text(i, 6),
                            rows.Text(i, 7)});
        }
        return events;
      });
}

void Store::SweepEvents(int64_t keep, db::Deadline deadline, Callback<int64_t> done) {
  Run<int64_t>(database_, {{kSweepEvents, {keep, kEventsPerSweep}}}, false, deadline,
               std::move(done), [](const std::vector<db::Rows>& results) {
                 return static_cast<int64_t>(results[0].affected());
               });
}

}  // namespace praefect::datastore
