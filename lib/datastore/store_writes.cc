// What every write costs: opens and settles, in batches.

#include <map>
#include <memory>
#include <utility>

#include "datastore/repository_rows.h"
#include "datastore/rules.h"
#include "datastore/store.h"

namespace praefect::datastore {
namespace {

using db::Sql;
using db::Statement;

// A call with an additional repository: both rows, of the whole batch, in the order of their ids.
constexpr Sql kLockForOpen(
    "SELECT repository_id FROM repositories WHERE repository_id = ANY ($1) "
    "ORDER BY repository_id FOR SHARE",
    "SELECT 1");

// Row by row what MayOpen says. The repository and its primary's replica are locked, so that what
// is judged is what they are after a wait for a settle: with the repository alone the replica would
// be judged as it was before.
constexpr Sql kOpen(R"sql(
WITH asked AS (
  SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)
    AS a(intent, repository_id, virtual_storage, relative_path, storage, term, additional)
), route AS (
  SELECT a.intent, r.repository_id, a.storage, a.term, a.additional
    FROM asked a
    JOIN repositories r ON r.repository_id = a.repository_id
    JOIN storage_repositories s ON s.repository_id = r.repository_id AND s.storage = a.storage
   WHERE r.virtual_storage = a.virtual_storage AND r.relative_path = a.relative_path
     AND r."primary" = a.storage AND r.term = a.term AND r.state = 'live'
     AND s.generation = r.generation
     AND EXISTS (SELECT FROM instances i WHERE i.id = $8 AND NOT i.buried)
     AND (a.additional IS NULL OR EXISTS (
           SELECT FROM repositories p
             JOIN storage_repositories q ON q.repository_id = p.repository_id
            WHERE p.repository_id = a.additional AND p.state = 'live'
              AND q.storage = a.storage AND q.generation = p.generation))
   ORDER BY r.repository_id
     FOR SHARE OF r, s
), opened AS (
  INSERT INTO write_intents (id, repository_id, storage, term, additional_repository_id, instance)
  SELECT intent, repository_id, storage, term, additional, $8 FROM route
  RETURNING id, repository_id
)
SELECT id, (SELECT pg_notify('repositories_updates', string_agg(DISTINCT repository_id::text, ' '))
              FROM opened)
  FROM opened
)sql",
                    "SELECT 1");

// What Settle does to live repositories, and to those being removed. What a concurrent settle may
// have changed is judged after the lock, or in SET: a WHERE judges what was there before the wait.
constexpr Sql kSettle(R"sql(
WITH asked AS (
  SELECT * FROM unnest($3, $4, $5, $6, $7, $8)
    AS a(intent, repository_id, storage, term, node_ok, told_otherwise)
), numbered AS (
  UPDATE settled_batches SET batch = $2 WHERE instance = $1 AND batch < $2 RETURNING instance
), locked AS (
  SELECT r.* FROM repositories r WHERE r.repository_id IN (SELECT repository_id FROM asked)
   ORDER BY r.repository_id
     FOR UPDATE
), held AS (
  UPDATE storage_repositories s
     SET generation = CASE WHEN s.generation = l.generation THEN l.generation + 1
                           ELSE s.generation END
    FROM locked l
   WHERE l.state = 'live' AND EXISTS (SELECT FROM numbered)
     AND s.repository_id = l.repository_id AND s.storage = l."primary"
  RETURNING s.repository_id, s.generation > l.generation AS keeps_up
), judged AS (
  SELECT a.intent, a.repository_id, l.state,
         coalesce(a.node_ok AND NOT a.told_otherwise AND l.state = 'live' AND a.term = l.term
                  AND a.storage = l."primary"
                  AND (h.keeps_up OR NOT EXISTS (SELECT FROM numbered)), false) AS good
    FROM asked a LEFT JOIN locked l USING (repository_id) LEFT JOIN held h USING (repository_id)
), raised AS (
  UPDATE repositories r
     SET generation = l.generation + 1,
         acknowledged = CASE WHEN EXISTS (SELECT FROM judged j
                                           WHERE j.repository_id = l.repository_id AND j.good)
                             THEN l.generation + 1 ELSE l.acknowledged END
    FROM locked l
   WHERE r.repository_id = l.repository_id AND l.state = 'live' AND EXISTS (SELECT FROM numbered)
  RETURNING r.repository_id, r.virtual_storage, r.generation, r."primary"
), wanted AS (
  SELECT r.repository_id, s.storage, r.virtual_storage, r.generation, r."primary"
    FROM raised r JOIN storage_repositories s ON s.repository_id = r.repository_id
  UNION
  SELECT r.repository_id, a.storage, r.virtual_storage, r.generation, r."primary"
    FROM raised r JOIN repository_assignments a ON a.repository_id = r.repository_id
  UNION
  SELECT r.repository_id, t.storage, r.virtual_storage, r.generation, r."primary"
    FROM raised r JOIN unnest($9, $10) AS t(virtual_storage, storage)
      ON t.virtual_storage = r.virtual_storage
), jobs AS (
  INSERT INTO replication_jobs AS j (repository_id, storage, virtual_storage, wanted)
  SELECT repository_id, storage, virtual_storage, generation FROM wanted w
   WHERE storage IS DISTINCT FROM "primary"
     AND coalesce((SELECT bool_or(a.storage = w.storage) FROM repository_assignments a
                    WHERE a.repository_id = w.repository_id), true)
   ORDER BY 1, 2
  ON CONFLICT (repository_id, storage) DO UPDATE
     SET wanted = greatest(j.wanted, excluded.wanted),
         not_before = CASE WHEN j.state = 'parked' THEN excluded.not_before
                           ELSE j.not_before END,
         error = CASE WHEN j.state = 'parked' THEN NULL ELSE j.error END,
         attempts = CASE WHEN j.state = 'parked' THEN 0 ELSE j.attempts END,
         state = CASE WHEN j.state = 'parked' THEN 'ready' ELSE j.state END
), due AS (
  UPDATE replication_jobs j SET state = 'ready', error = NULL, attempts = 0, not_before = clock_timestamp()
    FROM locked l
   WHERE l.state = 'removing' AND j.repository_id = l.repository_id AND j.kind = 'delete'
     AND j.state IN ('ready', 'parked')
), closed AS (
  DELETE FROM write_intents w USING judged j
   WHERE w.id = j.intent AND j.state IS DISTINCT FROM 'creating'
)
SELECT intent, good, coalesce(state = 'removing', true) FROM judged
)sql",
                      "SELECT 1");

constexpr Sql kDropIntents(
    "DELETE FROM write_intents WHERE id = ANY ($1)",
    "DELETE FROM write_intents WHERE id IN (SELECT value FROM json_each($1))");
constexpr Sql kIsAlive("SELECT EXISTS (SELECT 1 FROM instances WHERE id = $1 AND NOT buried)");
constexpr Sql kTakeNumber(
    "UPDATE settled_batches SET batch = $2 WHERE instance = $1 AND batch < $2");
constexpr Sql kNameAdditional(
    "UPDATE write_intents SET additional_repository_id = $2 WHERE id = $1");

Statement OpenStatement(int64_t instance, const std::vector<OpenRequest>& requests) {
  db::Integers intents, ids, terms, additional;
  db::Texts virtual_storages, paths, storages;
  for (const OpenRequest& request : requests) {
    intents.push_back(request.intent);
    ids.push_back(request.repository_id);
    virtual_storages.push_back(request.name.virtual_storage);
    paths.push_back(request.name.relative_path);
    storages.push_back(request.storage);
    terms.push_back(request.term);
    additional.push_back(request.additional_repository_id);
  }
  return {kOpen, {intents, ids, virtual_storages, paths, storages, terms, additional, instance}};
}

// Empty when no call has an additional repository.
db::Integers IdsToLock(const std::vector<OpenRequest>& requests) {
  db::Integers ids;
  bool additional = false;
  for (const OpenRequest& request : requests) {
    ids.push_back(request.repository_id);
    if (request.additional_repository_id) ids.push_back(*request.additional_repository_id);
    additional = additional || request.additional_repository_id.has_value();
  }
  return additional ? ids : db::Integers();
}

Statement SettleStatement(int64_t instance, int64_t batch,
                          const std::vector<SettleRequest>& requests, const Storages& configured) {
  db::Integers intents, ids, terms;
  db::Texts storages, target_virtual_storages, targets;
  db::Booleans node_ok, told_otherwise;
  for (const SettleRequest& request : requests) {
    intents.push_back(request.intent);
    ids.push_back(request.repository_id);
    storages.push_back(request.storage);
    terms.push_back(request.term);
    node_ok.push_back(request.node_ok);
    told_otherwise.push_back(request.told_otherwise);
  }
  for (const auto& [virtual_storage, names] : configured) {
    for (const std::string& name : names) {
      target_virtual_storages.push_back(virtual_storage);
      targets.push_back(name);
    }
  }
  return {kSettle,
          {instance, batch, intents, ids, storages, terms, node_ok, told_otherwise,
           target_virtual_storages, targets}};
}

// What the settle answers when its batch was applied before.
bool StillHolds(const Repository& repository, const SettleRequest& request) {
  return request.node_ok && !request.told_otherwise &&
         repository.books.state == RepositoryState::kLive &&
         repository.Name(repository.books.primary) == request.storage &&
         repository.books.term == request.term;
}

// One writer: what was loaded is what is saved over.
std::optional<db::Error> OpenAlone(db::OpenTransaction& open, int64_t instance,
                                   const OpenRequest& request, bool& opened) {
  opened = false;
  Found found = Load(open, request.repository_id, Lock::kForUpdate);
  if (found.error || !found.repository) return found.error;
  const Repository before = *found.repository;
  Repository& after = *found.repository;
  if (before.name != request.name) return std::nullopt;
  if (!MayOpen(after.books, after.Position(request.storage), request.term)) return std::nullopt;
  if (request.additional_repository_id) {
    const Found other = Load(open, *request.additional_repository_id, Lock::kForUpdate);
    if (other.error || !other.repository) return other.error;
    const int there = other.repository->Position(request.storage);
    const bool live = other.repository->books.state == RepositoryState::kLive;
    if (!live || there == kNoStorage || !IsCurrent(other.repository->books, there)) {
      return std::nullopt;
    }
  }
  opened = true;
  datastore::Open(after.books, request.intent);
  after.books.intents.back().instance = instance;
  if (auto error = Save(open, before, after)) return error;
  if (!request.additional_repository_id) return std::nullopt;
  return open.Execute({kNameAdditional, {request.intent, *request.additional_repository_id}}).error;
}

std::optional<db::Error> SettleAlone(db::OpenTransaction& open, int64_t id, bool first,
                                     const std::vector<SettleRequest>& requests,
                                     const std::vector<size_t>& at, const Storages& configured,
                                     std::vector<Settled>& settled) {
  Found found = Load(open, id, Lock::kForUpdate);
  if (found.error || !found.repository) return found.error;
  const Repository before = *found.repository;
  Repository& after = *found.repository;
  if (before.books.state == RepositoryState::kCreating) {
    for (const size_t i : at) settled[i] = Settled::kNotKept;
    return std::nullopt;
  }
  std::vector<Settlement> settlements;
  for (const size_t i : at) {
    const SettleRequest& request = requests[i];
    settlements.push_back({.intent = request.intent,
                           .storage = after.Place(request.storage),
                           .term = request.term,
                           .node_ok = request.node_ok,
                           .told_otherwise = request.told_otherwise});
    const bool good =
        first ? Acknowledges(before.books, settlements.back()) : StillHolds(before, request);
    const bool live = before.books.state == RepositoryState::kLive;
    settled[i] = good ? Settled::kAcknowledged : live ? Settled::kNotKept : Settled::kGone;
  }
  if (!first) return std::nullopt;
  PlaceWanted(after, configured);
  Settle(after.books, settlements);
  return Save(open, before, after);
}

std::optional<db::Error> SettleAllAlone(db::OpenTransaction& open, int64_t instance, int64_t batch,
                                        const std::vector<SettleRequest>& requests,
                                        const Storages& configured, std::vector<Settled>& settled) {
  const db::Outcome numbered = open.Execute({kTakeNumber, {instance, batch}});
  if (!numbered.ok()) return numbered.error;
  const bool first = numbered.results[0].affected() == 1;
  settled.assign(requests.size(), Settled::kGone);
  std::map<int64_t, std::vector<size_t>> by_repository;
  for (size_t i = 0; i < requests.size(); ++i)
    by_repository[requests[i].repository_id].push_back(i);
  for (const auto& [id, at] : by_repository) {
    if (auto error = SettleAlone(open, id, first, requests, at, configured, settled)) return error;
  }
  db::Integers orphans;  // whose repository's row is gone
  for (size_t i = 0; i < requests.size(); ++i) {
    if (settled[i] == Settled::kGone) orphans.push_back(requests[i].intent);
  }
  if (orphans.empty()) return std::nullopt;
  return open.Execute({kDropIntents, {std::move(orphans)}}).error;
}

}  // namespace

void Store::Open(int64_t instance, std::vector<OpenRequest> requests, db::Deadline deadline,
                 Callback<std::vector<bool>> done) {
  if (database_.engine() == db::Engine::kSqlite) {
    auto opened = std::make_shared<std::vector<bool>>(requests.size());
    const db::Steps steps = [opened, instance, requests = std::move(requests)](
                                db::OpenTransaction& open) -> std::optional<db::Error> {
      const db::Outcome alive = open.Execute({kIsAlive, {instance}});
      if (!alive.ok() || !alive.results[0].Boolean(0, 0)) return alive.error;
      for (size_t i = 0; i < requests.size(); ++i) {
        bool one = false;
        if (auto error = OpenAlone(open, instance, requests[i], one)) return error;
        (*opened)[i] = one;
      }
      return std::nullopt;
    };
    return database_.RunSteps(steps, deadline, [opened, done = std::move(done)](db::Outcome o) {
      done({std::move(o.error), std::move(*opened)});
    });
  }
  std::vector<Statement> statements;
  if (db::Integers ids = IdsToLock(requests); !ids.empty()) {
    statements.push_back({kLockForOpen, {std::move(ids)}});
  }
  statements.push_back(OpenStatement(instance, requests));
  database_.Run({std::move(statements), deadline},
                [requests = std::move(requests), done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  std::vector<bool> opened(requests.size());
                  const db::Rows& rows = outcome.results.back();
                  for (size_t row = 0; row < rows.size(); ++row) {
                    for (size_t i = 0; i < requests.size(); ++i) {
                      if (requests[i].intent == rows.Integer(row, 0)) opened[i] = true;
                    }
                  }
                  done({std::nullopt, std::move(opened)});
                });
}

void Store::DropIntents(std::vector<int64_t> intents, db::Deadline deadline, Callback<bool> done) {
  db::Integers ids(intents.begin(), intents.end());
  database_.Run({{{kDropIntents, {std::move(ids)}}}, deadline},
                [done = std::move(done)](db::Outcome outcome) {
                  const bool ok = outcome.ok();
                  done({std::move(outcome.error), ok});
                });
}

void Store::Settle(int64_t instance, int64_t batch, std::vector<SettleRequest> requests,
                   db::Deadline deadline, Callback<std::vector<Settled>> done) {
  if (database_.engine() == db::Engine::kSqlite) {
    auto settled = std::make_shared<std::vector<Settled>>();
    const db::Steps steps = [storages = storages(), settled, instance, batch,
                             requests = std::move(requests)](db::OpenTransaction& open) {
      return SettleAllAlone(open, instance, batch, requests, *storages, *settled);
    };
    return database_.RunSteps(steps, deadline, [settled, done = std::move(done)](db::Outcome o) {
      done({std::move(o.error), std::move(*settled)});
    });
  }
  Statement statement = SettleStatement(instance, batch, requests, *storages());
  database_.Run({{std::move(statement)}, deadline},
                [requests = std::move(requests), done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  std::vector<Settled> settled(requests.size(), Settled::kGone);
                  const db::Rows& rows = outcome.results[0];
                  for (size_t row = 0; row < rows.size(); ++row) {
                    const Settled one = rows.Boolean(row, 1)   ? Settled::kAcknowledged
                                        : rows.Boolean(row, 2) ? Settled::kGone
                                                               : Settled::kNotKept;
                    for (size_t i = 0; i < requests.size(); ++i) {
                      if (requests[i].intent == rows.Integer(row, 0)) settled[i] = one;
                    }
                  }
                  done({std::nullopt, std::move(settled)});
                });
}

}  // namespace praefect::datastore
