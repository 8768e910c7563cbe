#include "datastore/unknown_contents.h"

#include <utility>

namespace praefect::datastore {
namespace {

using db::Sql;

constexpr Sql kNote(
    "INSERT INTO unknown_contents (virtual_storage, relative_path, storage, checksum) "
    "SELECT CAST($1 AS text), CAST($2 AS text), CAST($3 AS text), nullif(CAST($4 AS text), '') "
    "WHERE (SELECT count(*) FROM unknown_contents WHERE NOT (virtual_storage = $1 "
    "AND relative_path = $2 AND storage = $3)) < $5 "
    "ON CONFLICT (virtual_storage, relative_path, storage) "
    "DO UPDATE SET checksum = excluded.checksum");
constexpr Sql kForget(
    "DELETE FROM unknown_contents "
    "WHERE virtual_storage = $1 AND relative_path = $2 AND storage = $3");

// Whoever tries to take a name over has it while it asks (a row that is being created).
#define PRAEFECT_STALE                                                                           \
  "CASE WHEN u.checksum IS NULL THEN NOT EXISTS (SELECT 1 FROM repositories r "                  \
  "WHERE r.virtual_storage = u.virtual_storage AND r.relative_path = u.relative_path "           \
  "AND r.replica_path <> u.relative_path) ELSE EXISTS (SELECT 1 FROM repositories r "            \
  "WHERE r.virtual_storage = u.virtual_storage AND r.relative_path = u.relative_path "           \
  "AND r.state = 'live') "                                                                       \
  "OR NOT EXISTS (SELECT 1 FROM unknown_contents o WHERE o.virtual_storage = u.virtual_storage " \
  "AND o.relative_path = u.relative_path AND o.storage <> u.storage "                            \
  "AND o.checksum IS NOT NULL) END"
#define PRAEFECT_LIST(age)                                                               \
  "SELECT u.virtual_storage, u.relative_path, u.storage, coalesce(u.checksum, ''), " age \
  ", count(*) OVER () FROM unknown_contents u WHERE NOT (" PRAEFECT_STALE                \
  ") ORDER BY u.checksum IS NULL, u.virtual_storage, u.relative_path, u.storage LIMIT $1"
constexpr Sql kList(
    PRAEFECT_LIST("CAST(extract(epoch FROM clock_timestamp() - u.noticed_at) AS bigint)"),
    PRAEFECT_LIST("CAST((julianday('now') - julianday(u.noticed_at)) * 86400 AS integer)"));
constexpr Sql kTidy("DELETE FROM unknown_contents AS u WHERE " PRAEFECT_STALE);
#undef PRAEFECT_LIST
#undef PRAEFECT_STALE

}  // namespace

UnknownContents::UnknownContents(db::Database& database, observe::Registry& registry, int most)
    : database_(database),
      left_out_(registry.Counter("gitaly_praefect_unknown_contents_left_out_total",
                                 "Unknown contents that were noticed and not remembered, because "
                                 "there are too many")),
      most_(most) {}

void UnknownContents::Note(std::vector<UnknownContent> noticed, db::Deadline deadline,
                           Callback<bool> done) {
  std::vector<db::Statement> statements;
  for (UnknownContent& each : noticed) {
    statements.push_back({kNote,
                          {std::move(each.virtual_storage), std::move(each.relative_path),
                           std::move(each.storage), std::move(each.checksum), int64_t{most_}}});
  }
  database_.Run({std::move(statements), deadline},
                [this, done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  bool all = true;
                  for (const db::Rows& rows : outcome.results) {
                    if (rows.affected() > 0) continue;
                    left_out_.Increment();
                    all = false;
                  }
                  done({std::nullopt, all});
                });
}

void ListUnknownContents(db::Database& database, int limit, db::Deadline deadline,
                         Callback<UnknownContentsFound> done) {
  database.Run({{{kList, {int64_t{limit}}}}, deadline, true},
               [done = std::move(done)](db::Outcome outcome) {
                 if (!outcome.ok()) return done({std::move(outcome.error)});
                 const db::Rows& rows = outcome.results[0];
                 UnknownContentsFound found;
                 for (size_t i = 0; i < rows.size(); ++i) {
                   found.count = rows.Integer(i, 5);
                   found.first.push_back({.virtual_storage = rows.Text(i, 0),
                                          .relative_path = rows.Text(i, 1),
                                          .storage = rows.Text(i, 2),
                                          .checksum = rows.Text(i, 3),
                                          .since = std::chrono::seconds(rows.Integer(i, 4))});
                 }
                 done({std::nullopt, std::move(found)});
               });
}

void UnknownContents::Forget(UnknownContent content, db::Deadline deadline, Callback<bool> done) {
  database_.Run({{{kForget,
                   {std::move(content.virtual_storage), std::move(content.relative_path),
                    std::move(content.storage)}}},
                 deadline},
                [done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  done({std::nullopt, outcome.results[0].affected() == 1});
                });
}

void UnknownContents::Tidy(db::Deadline deadline, Callback<int64_t> done) {
  database_.Run({{{kTidy, {}}}, deadline}, [done = std::move(done)](db::Outcome outcome) {
    if (!outcome.ok()) return done({std::move(outcome.error)});
    done({std::nullopt, static_cast<int64_t>(outcome.results[0].affected())});
  });
}

}  // namespace praefect::datastore
