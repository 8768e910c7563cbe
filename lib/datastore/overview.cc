#include "datastore/overview.h"

#include <utility>

#include "datastore/repository_rows.h"

namespace praefect::datastore {
namespace {

using db::Sql;

constexpr Sql kReplicas(
    "SELECT r.virtual_storage, s.storage, "
    "count(*) FILTER (WHERE NOT s.suspect AND s.generation = r.generation), "
    "count(*) FILTER (WHERE NOT s.suspect AND s.generation >= 0 AND s.generation < r.generation), "
    "count(*) FILTER (WHERE NOT s.suspect AND s.generation < 0), "
    "count(*) FILTER (WHERE s.suspect), count(*) FILTER (WHERE r.\"primary\" = s.storage) "
    "FROM repositories r JOIN storage_repositories s ON s.repository_id = r.repository_id "
    "WHERE r.state = 'live' GROUP BY 1, 2 ORDER BY 1, 2");

// Every replica that is behind has a job, so few rows are looked at twice.
constexpr Sql kRepositories(
    "SELECT r.virtual_storage, count(*), count(b.repository_id) FROM repositories r LEFT JOIN "
    "(SELECT DISTINCT j.repository_id FROM replication_jobs j "
    "JOIN repositories q ON q.repository_id = j.repository_id "
    "LEFT JOIN storage_repositories s ON s.repository_id = j.repository_id "
    "AND s.storage = j.storage "
    "WHERE j.kind = 'copy' AND coalesce(s.generation, -1) < q.generation) b "
    "ON b.repository_id = r.repository_id WHERE r.state = 'live' GROUP BY 1 ORDER BY 1");

#define PRAEFECT_PARKED(age)                                                               \
  "SELECT j.repository_id, j.virtual_storage, coalesce(r.relative_path, r.replica_path), " \
  "j.storage, j.kind, coalesce(j.error, ''), " age                                         \
  " FROM (SELECT * FROM replication_jobs WHERE state = 'parked' ORDER BY not_before DESC " \
  "LIMIT $1) j JOIN repositories r ON r.repository_id = j.repository_id "                  \
  "ORDER BY j.not_before DESC"
constexpr Sql kParked(
    PRAEFECT_PARKED("CAST(extract(epoch FROM clock_timestamp() - j.not_before) AS bigint)"),
    PRAEFECT_PARKED("CAST((julianday('now') - julianday(j.not_before)) * 86400 AS integer)"));
#undef PRAEFECT_PARKED

#define PRAEFECT_JOBS(age)                                                                  \
  "SELECT j.virtual_storage, j.storage, j.kind, j.state, count(*), " age                    \
  ", (SELECT e.error FROM replication_jobs e WHERE e.virtual_storage = j.virtual_storage "  \
  "AND e.storage = j.storage AND e.state = j.state AND e.kind = j.kind AND e.error IS NOT " \
  "NULL ORDER BY e.not_before DESC LIMIT 1) FROM replication_jobs j "                       \
  "GROUP BY j.virtual_storage, j.storage, j.kind, j.state "                                 \
  "ORDER BY j.virtual_storage, j.storage, j.kind, j.state"
constexpr Sql kJobs(
    PRAEFECT_JOBS("CAST(extract(epoch FROM clock_timestamp() - min(j.wanted_at)) AS bigint)"),
    PRAEFECT_JOBS("CAST((julianday('now') - julianday(min(j.wanted_at))) * 86400 AS integer)"));
#undef PRAEFECT_JOBS

constexpr Sql kDeletesOn(
    "SELECT j.repository_id, r.replica_path, count(*) OVER () FROM replication_jobs j "
    "JOIN repositories r ON r.repository_id = j.repository_id WHERE j.virtual_storage = $1 "
    "AND j.storage = $2 AND j.kind = 'delete' AND j.state IN ('ready', 'parked') "
    "ORDER BY j.repository_id LIMIT $3");

#define PRAEFECT_INTENTS(age)                                                                      \
  "SELECT count(*) FILTER (WHERE NOT lingering), count(*) FILTER (WHERE lingering), coalesce(" age \
  ", 0) FROM write_intents"
constexpr Sql kIntents(
    PRAEFECT_INTENTS("CAST(extract(epoch FROM clock_timestamp() - min(recorded_at)) AS bigint)"),
    PRAEFECT_INTENTS("CAST((julianday('now') - julianday(min(recorded_at))) * 86400 AS integer)"));
#undef PRAEFECT_INTENTS

#define PRAEFECT_UNAVAILABLE(what, among)                                                  \
  "SELECT " what                                                                           \
  " FROM repositories r WHERE r.virtual_storage = $1 AND r.state = 'live' AND NOT EXISTS " \
  "(SELECT 1 FROM storage_repositories s WHERE s.repository_id = r.repository_id "         \
  "AND NOT s.suspect AND s.generation >= r.acknowledged AND s.storage " among ")"
#define PRAEFECT_LIST "r.repository_id, r.relative_path, coalesce(r.\"primary\", '')"
#define PRAEFECT_PAGE " AND r.repository_id > $3 ORDER BY r.repository_id LIMIT $4"
#define PRAEFECT_IN_ARRAY "= ANY ($2)"
#define PRAEFECT_IN_JSON "IN (SELECT value FROM json_each($2))"
constexpr Sql kUnavailable(PRAEFECT_UNAVAILABLE(PRAEFECT_LIST, PRAEFECT_IN_ARRAY) PRAEFECT_PAGE,
                           PRAEFECT_UNAVAILABLE(PRAEFECT_LIST, PRAEFECT_IN_JSON) PRAEFECT_PAGE);
constexpr Sql kCountUnavailable(PRAEFECT_UNAVAILABLE("count(*)", PRAEFECT_IN_ARRAY),
                                PRAEFECT_UNAVAILABLE("count(*)", PRAEFECT_IN_JSON));
#undef PRAEFECT_IN_JSON
#undef PRAEFECT_IN_ARRAY
#undef PRAEFECT_PAGE
#undef PRAEFECT_LIST
#undef PRAEFECT_UNAVAILABLE

constexpr Sql kVerifiedAt(
    "SELECT storage, CAST(extract(epoch FROM verified_at) * 1000 AS bigint) "
    "FROM storage_repositories WHERE repository_id = $1 AND verified_at IS NOT NULL",
    "SELECT storage, CAST(round((julianday(verified_at) - 2440587.5) * 86400000) AS integer) "
    "FROM storage_repositories WHERE repository_id = $1 AND verified_at IS NOT NULL");

// Reads, and makes a value of each row.
template <class T>
void Read(db::Database& database, db::Statement statement, db::Deadline deadline,
          Callback<std::vector<T>> done, T (*parse)(const db::Rows&, size_t row)) {
  database.Run({{std::move(statement)}, deadline, true},
               [done = std::move(done), parse](db::Outcome outcome) {
                 if (!outcome.ok()) return done({std::move(outcome.error)});
                 std::vector<T> values;
                 const db::Rows& rows = outcome.results[0];
                 for (size_t i = 0; i < rows.size(); ++i) values.push_back(parse(rows, i));
                 done({std::nullopt, std::move(values)});
               });
}

// The only row of a statement that has one.
template <class T>
Callback<std::vector<T>> OnlyOne(Callback<T> done) {
  return [done = std::move(done)](Result<std::vector<T>> result) {
    if (!result.ok()) return done({std::move(result.error)});
    done({std::nullopt, std::move(result.value.at(0))});
  };
}

}  // namespace

void Overview::Replicas(db::Deadline deadline, Callback<std::vector<ReplicaCounts>> done) {
  Read<ReplicaCounts>(database_, {kReplicas, {}}, deadline, std::move(done),
                      [](const db::Rows& rows, size_t i) {
                        return ReplicaCounts{.virtual_storage = rows.Text(i, 0),
                                             .storage = rows.Text(i, 1),
                                             .current = rows.Integer(i, 2),
                                             .behind = rows.Integer(i, 3),
                                             .none = rows.Integer(i, 4),
                                             .suspect = rows.Integer(i, 5),
                                             .primary = rows.Integer(i, 6)};
                      });
}

void Overview::Repositories(db::Deadline deadline, Callback<std::vector<RepositoryCounts>> done) {
  Read<RepositoryCounts>(
      database_, {kRepositories, {}}, deadline, std::move(done),
      [](const db::Rows& rows, size_t i) {
        return RepositoryCounts{rows.Text(i, 0), rows.Integer(i, 1), rows.Integer(i, 2)};
      });
}

void Overview::Parked(int limit, db::Deadline deadline, Callback<std::vector<ParkedJob>> done) {
  Read<ParkedJob>(database_, {kParked, {int64_t{limit}}}, deadline, std::move(done),
                  [](const db::Rows& rows, size_t i) {
                    return ParkedJob{.repository_id = rows.Integer(i, 0),
                                     .virtual_storage = rows.Text(i, 1),
                                     .path = rows.Text(i, 2),
                                     .storage = rows.Text(i, 3),
                                     .kind = ParseJobKind(rows.Text(i, 4)),
                                     .error = rows.Text(i, 5),
                                     .since = std::chrono::seconds(rows.Integer(i, 6))};
                  });
}

void Overview::Jobs(db::Deadline deadline, Callback<std::vector<JobCounts>> done) {
  Read<JobCounts>(
      database_, {kJobs, {}}, deadline, std::move(done), [](const db::Rows& rows, size_t i) {
        return JobCounts{.virtual_storage = rows.Text(i, 0),
                         .storage = rows.Text(i, 1),
                         .kind = ParseJobKind(rows.Text(i, 2)),
                         .state = ParseJobState(rows.Text(i, 3)),
                         .count = rows.Integer(i, 4),
                         .oldest = std::chrono::seconds(rows.MaybeInteger(i, 5).value_or(0)),
                         .last_error = rows.MaybeText(i, 6).value_or("")};
      });
}

void Overview::DeletesOn(std::string virtual_storage, std::string storage, int limit,
                         db::Deadline deadline, Callback<WaitingDeletes> done) {
  database_.Run({{{kDeletesOn, {std::move(virtual_storage), std::move(storage), int64_t{limit}}}},
                 deadline,
                 true},
                [done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  const db::Rows& rows = outcome.results[0];
                  WaitingDeletes deletes;
                  for (size_t i = 0; i < rows.size(); ++i) {
                    deletes.count = rows.Integer(i, 2);
                    deletes.first.push_back({rows.Integer(i, 0), rows.Text(i, 1)});
                  }
                  done({std::nullopt, std::move(deletes)});
                });
}

void Overview::Intents(db::Deadline deadline, Callback<IntentCounts> done) {
  Read<IntentCounts>(database_, {kIntents, {}}, deadline, OnlyOne(std::move(done)),
                     [](const db::Rows& rows, size_t i) {
                       return IntentCounts{.open = rows.Integer(i, 0),
                                           .lingering = rows.Integer(i, 1),
                                           .oldest = std::chrono::seconds(rows.Integer(i, 2))};
                     });
}

void Overview::UnavailableOn(std::string virtual_storage, std::vector<std::string> healthy,
                             int64_t after, int limit, db::Deadline deadline,
                             Callback<std::vector<Unavailable>> done) {
  const db::Texts among(healthy.begin(), healthy.end());
  Read<Unavailable>(database_,
                    {kUnavailable, {std::move(virtual_storage), among, after, int64_t{limit}}},
                    deadline, std::move(done), [](const db::Rows& rows, size_t i) {
                      return Unavailable{rows.Integer(i, 0), rows.Text(i, 1), rows.Text(i, 2)};
                    });
}

void Overview::CountUnavailableOn(std::string virtual_storage, std::vector<std::string> healthy,
                                  db::Deadline deadline, Callback<int64_t> done) {
  const db::Texts among(healthy.begin(), healthy.end());
  Read<int64_t>(database_, {kCountUnavailable, {std::move(virtual_storage), among}}, deadline,
                OnlyOne(std::move(done)),
                [](const db::Rows& rows, size_t i) { return rows.Integer(i, 0); });
}

void Overview::VerifiedAt(int64_t repository_id, db::Deadline deadline, Callback<Times> done) {
  using Proven = std::pair<std::string, int64_t>;
  Read<Proven>(
      database_, {kVerifiedAt, {repository_id}}, deadline,
      [done = std::move(done)](Result<std::vector<Proven>> result) {
        if (!result.ok()) return done({std::move(result.error)});
        Times times;
        for (const auto& [storage, milliseconds] : result.value) {
          times.emplace(storage, std::chrono::system_clock::time_point(
                                     std::chrono::milliseconds(milliseconds)));
        }
        done({std::nullopt, std::move(times)});
      },
      [](const db::Rows& rows, size_t i) { return Proven(rows.Text(i, 0), rows.Integer(i, 1)); });
}

}  // namespace praefect::datastore
