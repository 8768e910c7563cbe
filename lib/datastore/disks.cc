#include "datastore/disks.h"

#include <utility>

namespace praefect::datastore {
namespace {

using db::Sql;

constexpr Sql kList(
    "SELECT virtual_storage, storage, filesystem_id FROM storages "
    "ORDER BY virtual_storage, storage");
constexpr Sql kNote(
    "INSERT INTO storages (virtual_storage, storage, filesystem_id) VALUES ($1, $2, $3) "
    "ON CONFLICT DO NOTHING");
constexpr Sql kReplace(
    "UPDATE storages SET filesystem_id = $3 "
    "WHERE virtual_storage = $1 AND storage = $2 AND filesystem_id = $4");
#define PRAEFECT_ROWS(suspect)                                                          \
  "SELECT s.repository_id FROM storage_repositories s JOIN repositories r "             \
  "ON r.repository_id = s.repository_id WHERE s.storage = $2 AND s.repository_id > $3 " \
  "AND " suspect " AND r.virtual_storage = $1 ORDER BY s.repository_id LIMIT $4"
constexpr Sql kSuspect(PRAEFECT_ROWS("s.suspect"));
constexpr Sql kNotSuspect(PRAEFECT_ROWS("NOT s.suspect"));
#undef PRAEFECT_ROWS

void ChangeOne(db::Database& database, db::Statement statement, db::Deadline deadline,
               Callback<bool> done) {
  database.Run({{std::move(statement)}, deadline}, [done = std::move(done)](db::Outcome outcome) {
    if (!outcome.ok()) return done({std::move(outcome.error)});
    done({std::nullopt, outcome.results[0].affected() == 1});
  });
}

}  // namespace

void Disks::List(db::Deadline deadline, Callback<std::vector<Disk>> done) {
  database_.Run({{{kList}}, deadline, true}, [done = std::move(done)](db::Outcome outcome) {
    if (!outcome.ok()) return done({std::move(outcome.error)});
    const db::Rows& rows = outcome.results[0];
    std::vector<Disk> disks;
    for (size_t i = 0; i < rows.size(); ++i) {
      disks.push_back({rows.Text(i, 0), rows.Text(i, 1), rows.Text(i, 2)});
    }
    done({std::nullopt, std::move(disks)});
  });
}

void Disks::Note(Disk disk, db::Deadline deadline, Callback<bool> done) {
  ChangeOne(
      database_,
      {kNote,
       {std::move(disk.virtual_storage), std::move(disk.storage), std::move(disk.filesystem_id)}},
      deadline, std::move(done));
}

void Disks::Replace(Disk disk, std::string was, db::Deadline deadline, Callback<bool> done) {
  ChangeOne(database_,
            {kReplace,
             {std::move(disk.virtual_storage), std::move(disk.storage),
              std::move(disk.filesystem_id), std::move(was)}},
            deadline, std::move(done));
}

void Disks::RowsOn(std::string virtual_storage, std::string storage, bool suspect, int64_t after,
                   int limit, db::Deadline deadline, Callback<std::vector<int64_t>> done) {
  database_.Run({{{suspect ? kSuspect : kNotSuspect,
                   {std::move(virtual_storage), std::move(storage), after, int64_t{limit}}}},
                 deadline,
                 true},
                [done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  const db::Rows& rows = outcome.results[0];
                  std::vector<int64_t> ids;
                  for (size_t i = 0; i < rows.size(); ++i) ids.push_back(rows.Integer(i, 0));
                  done({std::nullopt, std::move(ids)});
                });
}

}  // namespace praefect::datastore
