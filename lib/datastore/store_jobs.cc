// What is to be done on storages.

#include <algorithm>
#include <utility>

#include "datastore/repository_rows.h"
#include "datastore/store.h"

namespace praefect::datastore {
namespace {

using db::Sql;

// The jobs first, by their index: what they belong to only for those that are returned.
#define PRAEFECT_DUE(now, waited)                                                              \
  "SELECT j.repository_id, j.kind, j.attempts, r.relative_path, r.replica_path, "              \
  "r.\"primary\", " waited                                                                     \
  " FROM (SELECT repository_id, kind, attempts, not_before, wanted_at FROM replication_jobs "  \
  "WHERE virtual_storage = $1 AND storage = $2 AND state = 'ready' AND not_before <= " now     \
  " ORDER BY not_before LIMIT $3) j JOIN repositories r ON r.repository_id = j.repository_id " \
  "ORDER BY j.not_before"
constexpr Sql kDue(
    PRAEFECT_DUE("clock_timestamp()",
                 "CAST(extract(epoch FROM clock_timestamp() - j.wanted_at) * 1000 AS bigint)"),
    PRAEFECT_DUE("strftime('%Y-%m-%d %H:%M:%f', 'now')",
                 "CAST((julianday('now') - julianday(j.wanted_at)) * 86400000 AS integer)"));
#undef PRAEFECT_DUE
// Waits for no job, so that it can be in nobody's way: one that is locked is being changed.
// What changed something begins anew; what only waited has one more attempt.
#define PRAEFECT_RETRIED "state = 'ready', attempts = CASE WHEN $4 = 0 THEN 0 ELSE attempts END, "
constexpr Sql kRetryParked(
    "UPDATE replication_jobs j SET " PRAEFECT_RETRIED
    "not_before = clock_timestamp() "
    "FROM (SELECT repository_id FROM replication_jobs WHERE virtual_storage = $1 AND storage = $2 "
    "AND state = 'parked' AND error IS NOT NULL AND attempts >= $4 "
    "AND not_before <= clock_timestamp() - $3 * interval '1 millisecond' "
    "ORDER BY not_before LIMIT $5 FOR UPDATE SKIP LOCKED) due "
    "WHERE j.repository_id = due.repository_id AND j.storage = $2",
    "UPDATE replication_jobs SET " PRAEFECT_RETRIED
    "not_before = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE storage = $2 AND repository_id IN "
    "(SELECT repository_id FROM replication_jobs WHERE virtual_storage = $1 AND storage = $2 "
    "AND state = 'parked' AND error IS NOT NULL AND attempts >= $4 "
    "AND not_before <= strftime('%Y-%m-%d %H:%M:%f', 'now', (-$3 / 1000.0) || ' seconds') "
    "ORDER BY not_before LIMIT $5)");
#undef PRAEFECT_RETRIED
// Likewise.
constexpr Sql kHasten(
    "UPDATE replication_jobs j SET not_before = clock_timestamp() "
    "FROM (SELECT repository_id FROM replication_jobs WHERE virtual_storage = $1 AND storage = $2 "
    "AND state = 'ready' AND error IS NOT NULL AND not_before > clock_timestamp() "
    "ORDER BY not_before LIMIT $3 FOR UPDATE SKIP LOCKED) due "
    "WHERE j.repository_id = due.repository_id AND j.storage = $2",
    "UPDATE replication_jobs SET not_before = strftime('%Y-%m-%d %H:%M:%f', 'now') "
    "WHERE storage = $2 AND repository_id IN (SELECT repository_id FROM replication_jobs "
    "WHERE virtual_storage = $1 AND storage = $2 AND state = 'ready' AND error IS NOT NULL "
    "AND not_before > strftime('%Y-%m-%d %H:%M:%f', 'now') ORDER BY not_before LIMIT $3)");

// Behind, or missing where it is wanted, and without a job; of a repository being removed, a row
// without its delete, or nothing at all.
#define PRAEFECT_MISSING(configured)                                                              \
  "WITH looked AS (SELECT * FROM repositories WHERE repository_id > $1 "                          \
  "ORDER BY repository_id LIMIT $2), configured AS (" configured                                  \
  ") SELECT r.repository_id, CASE r.state "                                                       \
  "WHEN 'live' THEN EXISTS (SELECT 1 FROM configured c "                                          \
  "WHERE c.virtual_storage = r.virtual_storage AND c.storage <> coalesce(r.\"primary\", '') "     \
  "AND NOT EXISTS (SELECT 1 FROM storage_repositories s WHERE s.repository_id = r.repository_id " \
  "AND s.storage = c.storage AND s.generation = r.generation) "                                   \
  "AND NOT EXISTS (SELECT 1 FROM replication_jobs j WHERE j.repository_id = r.repository_id "     \
  "AND j.storage = c.storage) AND (NOT EXISTS (SELECT 1 FROM repository_assignments a "           \
  "WHERE a.repository_id = r.repository_id) OR EXISTS (SELECT 1 FROM repository_assignments a "   \
  "WHERE a.repository_id = r.repository_id AND a.storage = c.storage))) "                         \
  "WHEN 'removing' THEN EXISTS (SELECT 1 FROM storage_repositories s "                            \
  "WHERE s.repository_id = r.repository_id AND NOT EXISTS (SELECT 1 FROM replication_jobs j "     \
  "WHERE j.repository_id = r.repository_id AND j.storage = s.storage)) OR NOT ("                  \
  "EXISTS (SELECT 1 FROM storage_repositories s WHERE s.repository_id = r.repository_id) OR "     \
  "EXISTS (SELECT 1 FROM replication_jobs j WHERE j.repository_id = r.repository_id) OR "         \
  "EXISTS (SELECT 1 FROM write_intents i WHERE i.repository_id = r.repository_id)) "              \
  "ELSE false END FROM looked r ORDER BY r.repository_id"
constexpr Sql kMissing(
    PRAEFECT_MISSING("SELECT * FROM unnest($3, $4) AS t(virtual_storage, storage)"),
    PRAEFECT_MISSING("SELECT v.value AS virtual_storage, s.value AS storage FROM json_each($3) v "
                     "JOIN json_each($4) s ON s.key = v.key"));
#undef PRAEFECT_MISSING

// Tells how many rows it changed.
void CountChanged(db::Database& database, db::Statement statement, db::Deadline deadline,
                  Callback<int64_t> done) {
  database.Run({{std::move(statement)}, deadline}, [done = std::move(done)](db::Outcome outcome) {
    if (!outcome.ok()) return done({std::move(outcome.error)});
    done({std::nullopt, static_cast<int64_t>(outcome.results[0].affected())});
  });
}

}  // namespace

void Store::DueJobs(std::string virtual_storage, std::string storage, int limit,
                    db::Deadline deadline, Callback<std::vector<DueJob>> done) {
  database_.Run(
      {{{kDue, {std::move(virtual_storage), std::move(storage), int64_t{limit}}}}, deadline, true},
      [done = std::move(done)](db::Outcome outcome) {
        if (!outcome.ok()) return done({std::move(outcome.error)});
        const db::Rows& rows = outcome.results[0];
        std::vector<DueJob> jobs;
        for (size_t i = 0; i < rows.size(); ++i) {
          jobs.push_back({.repository_id = rows.Integer(i, 0),
                          .kind = ParseJobKind(rows.Text(i, 1)),
                          .attempts = static_cast<int>(rows.Integer(i, 2)),
                          .relative_path = rows.MaybeText(i, 3).value_or(""),
                          .replica_path = rows.Text(i, 4),
                          .primary = rows.MaybeText(i, 5).value_or(""),
                          .waited = std::chrono::milliseconds(
                              std::max<int64_t>(0, rows.MaybeInteger(i, 6).value_or(0)))});
        }
        done({std::nullopt, std::move(jobs)});
      });
}

void Store::RetryParkedJobs(std::string virtual_storage, std::string storage,
                            std::chrono::milliseconds age, int least_attempts, int limit,
                            db::Deadline deadline, Callback<int64_t> done) {
  CountChanged(database_,
               {kRetryParked,
                {std::move(virtual_storage), std::move(storage), int64_t{age.count()},
                 int64_t{least_attempts}, int64_t{limit}}},
               deadline, std::move(done));
}

void Store::HastenJobs(std::string virtual_storage, std::string storage, int limit,
                       db::Deadline deadline, Callback<int64_t> done) {
  CountChanged(database_,
               {kHasten, {std::move(virtual_storage), std::move(storage), int64_t{limit}}},
               deadline, std::move(done));
}

void Store::FindMissingJobs(int64_t after, int limit, db::Deadline deadline,
                            Callback<MissingJobs> done) {
  db::Texts virtual_storages, names;
  const auto storages = this->storages();
  for (const auto& [virtual_storage, configured] : *storages) {
    for (const std::string& name : configured) {
      virtual_storages.push_back(virtual_storage);
      names.push_back(name);
    }
  }
  database_.Run(
      {{{kMissing, {after, int64_t{limit}, std::move(virtual_storages), std::move(names)}}},
       deadline,
       true},
      [limit, done = std::move(done)](db::Outcome outcome) {
        if (!outcome.ok()) return done({std::move(outcome.error)});
        const db::Rows& rows = outcome.results[0];
        MissingJobs missing;
        for (size_t i = 0; i < rows.size(); ++i) {
          if (rows.Boolean(i, 1)) missing.repositories.push_back(rows.Integer(i, 0));
        }
        if (rows.size() == static_cast<size_t>(limit)) {
          missing.last = rows.Integer(rows.size() - 1, 0);
        }
        done({std::nullopt, std::move(missing)});
      });
}

}  // namespace praefect::datastore
