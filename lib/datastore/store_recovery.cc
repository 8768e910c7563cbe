// What dead instances left in the books.

#include <utility>

#include "datastore/store.h"

namespace praefect::datastore {
namespace {

using db::Sql;

// Rows of one answer; more are found when these are settled.
constexpr int64_t kMaxAbandoned = 10'000;

constexpr Sql kBuryOthers("UPDATE instances SET buried = $2 WHERE id <> $1 AND NOT buried");
constexpr Sql kLingerOthersIntents(
    "UPDATE write_intents SET lingering = $2 WHERE instance <> $1 AND NOT lingering");
constexpr Sql kLingerOthersJobs(
    "UPDATE replication_jobs SET state = 'lingering' WHERE instance <> $1 AND state = 'running'");

// One that is locked is being settled.
constexpr Sql kLetLinger(
    "UPDATE write_intents SET lingering = true WHERE id IN (SELECT id FROM write_intents "
    "WHERE id = ANY ($1) AND NOT lingering ORDER BY id FOR UPDATE SKIP LOCKED)",
    "UPDATE write_intents SET lingering = true WHERE id IN (SELECT value FROM json_each($1))");

// Also of instances whose row is gone.
constexpr Sql kAbandonedIntents(
    "SELECT i.id, i.repository_id, coalesce(i.storage, ''), i.term, i.lingering, i.instance, "
    "coalesce(n.boot_id, ''), coalesce(r.virtual_storage, ''), "
    "coalesce(r.state = 'creating', false) FROM write_intents i "
    "LEFT JOIN instances n ON n.id = i.instance "
    "LEFT JOIN repositories r ON r.repository_id = i.repository_id "
    "WHERE n.buried IS NOT FALSE OR i.instance = $2 ORDER BY i.instance = $2, i.id LIMIT $1");
constexpr Sql kAbandonedRuns(
    "SELECT j.run, j.repository_id, j.storage, j.state = 'lingering', j.instance, "
    "coalesce(n.boot_id, ''), j.virtual_storage FROM replication_jobs j "
    "LEFT JOIN instances n ON n.id = j.instance WHERE j.instance IS NOT NULL "
    "AND j.state IN ('running', 'lingering') AND (n.buried IS NOT FALSE OR j.instance = $2) "
    "ORDER BY j.instance = $2, j.run LIMIT $1");

Abandoned ParseIntent(const db::Rows& rows, size_t i) {
  return {.id = rows.Integer(i, 0),
          .repository_id = rows.Integer(i, 1),
          .virtual_storage = rows.Text(i, 7),
          .storage = rows.Text(i, 2),
          .term = rows.Integer(i, 3),
          .lingering = rows.Boolean(i, 4),
          .creating = rows.Boolean(i, 8),
          .instance = rows.Integer(i, 5),
          .boot_id = rows.Text(i, 6)};
}

Abandoned ParseRun(const db::Rows& rows, size_t i) {
  return {.run = true,
          .id = rows.Integer(i, 0),
          .repository_id = rows.Integer(i, 1),
          .virtual_storage = rows.Text(i, 6),
          .storage = rows.Text(i, 2),
          .lingering = rows.Boolean(i, 3),
          .instance = rows.Integer(i, 4),
          .boot_id = rows.Text(i, 5)};
}

}  // namespace

void Store::BuryOthers(int64_t instance, db::Deadline deadline, Callback<bool> done) {
  database_.Run({{{kBuryOthers, {instance, true}},
                  {kLingerOthersIntents, {instance, true}},
                  {kLingerOthersJobs, {instance}}},
                 deadline},
                [done = std::move(done)](db::Outcome outcome) {
                  const bool any = outcome.ok() && outcome.results[0].affected() > 0;
                  done({std::move(outcome.error), any});
                });
}

void Store::LetIntentsLinger(std::vector<int64_t> intents, db::Deadline deadline,
                             Callback<bool> done) {
  db::Integers ids(intents.begin(), intents.end());
  database_.Run({{{kLetLinger, {std::move(ids)}}}, deadline},
                [done = std::move(done)](db::Outcome outcome) {
                  const bool ok = outcome.ok();
                  done({std::move(outcome.error), ok});
                });
}

void Store::ListAbandoned(int64_t instance, db::Deadline deadline,
                          Callback<std::vector<Abandoned>> done) {
  database_.Run({{{kAbandonedIntents, {kMaxAbandoned, instance}},
                  {kAbandonedRuns, {kMaxAbandoned, instance}}},
                 deadline,
                 true},
                [done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  std::vector<Abandoned> calls;
                  const db::Rows& intents = outcome.results[0];
                  const db::Rows& runs = outcome.results[1];
                  for (size_t i = 0; i < intents.size(); ++i)
                    calls.push_back(ParseIntent(intents, i));
                  for (size_t i = 0; i < runs.size(); ++i) calls.push_back(ParseRun(runs, i));
                  done({std::nullopt, std::move(calls)});
                });
}

}  // namespace praefect::datastore
