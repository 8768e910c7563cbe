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
#define PRAEFECT_ON                                   \
  " FROM storage_repositories s JOIN repositories r " \
  "ON r.repository_id = s.repository_id WHERE r.virtual_storage = $1 AND s.storage = $2"
constexpr Sql kReplace(
    "UPDATE storages SET filesystem_id = $3 "
    "WHERE virtual_storage = $1 AND storage = $2 AND filesystem_id = $4 "
    "AND NOT EXISTS (SELECT 1" PRAEFECT_ON " AND NOT s.suspect AND s.generation >= 0)");
#define PRAEFECT_ROWS(which)                                                  \
  "SELECT s.repository_id" PRAEFECT_ON " AND s.repository_id > $3 AND " which \
  " ORDER BY s.repository_id LIMIT $4"
#define PRAEFECT_UNKNOWN_DISK "s.suspect AND coalesce(s.aside_filesystem_id, '') = ''"
constexpr Sql kTrusted(PRAEFECT_ROWS("NOT s.suspect"));
constexpr Sql kSuspect(PRAEFECT_ROWS("s.suspect"));
constexpr Sql kOfUnknownDisk(PRAEFECT_ROWS(PRAEFECT_UNKNOWN_DISK));
#undef PRAEFECT_ROWS
#define PRAEFECT_ONLY_THERE                                                        \
  "s.suspect AND r.state = 'live' AND s.aside >= r.acknowledged AND NOT EXISTS "   \
  "(SELECT 1 FROM storage_repositories o WHERE o.repository_id = s.repository_id " \
  "AND o.storage <> s.storage AND NOT o.suspect AND o.generation >= r.acknowledged)"
constexpr Sql kCount(
    "SELECT count(*) FILTER (WHERE NOT s.suspect AND s.generation >= 0), count(*) FILTER (WHERE "
    "s.suspect), "
    "count(*) FILTER (WHERE " PRAEFECT_UNKNOWN_DISK "), count(*) FILTER (WHERE " PRAEFECT_ONLY_THERE
    ")" PRAEFECT_ON);
constexpr Sql kOnly("SELECT s.repository_id, r.relative_path" PRAEFECT_ON
                    " AND " PRAEFECT_ONLY_THERE " ORDER BY s.repository_id LIMIT $3");
#undef PRAEFECT_ONLY_THERE
#undef PRAEFECT_UNKNOWN_DISK
#undef PRAEFECT_ON

Sql SqlOf(DiskRows rows) {
  switch (rows) {
    case DiskRows::kTrusted:
      return kTrusted;
    case DiskRows::kSuspect:
      return kSuspect;
    case DiskRows::kOfUnknownDisk:
      break;
  }
  return kOfUnknownDisk;
}

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

void Disks::RowsOn(std::string virtual_storage, std::string storage, DiskRows which, int64_t after,
                   int limit, db::Deadline deadline, Callback<std::vector<int64_t>> done) {
  database_.Run(
      {{{SqlOf(which), {std::move(virtual_storage), std::move(storage), after, int64_t{limit}}}},
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

void Disks::CountOn(std::string virtual_storage, std::string storage, db::Deadline deadline,
                    Callback<DiskRowCounts> done) {
  database_.Run({{{kCount, {std::move(virtual_storage), std::move(storage)}}}, deadline, true},
                [done = std::move(done)](db::Outcome outcome) {
                  if (!outcome.ok()) return done({std::move(outcome.error)});
                  const db::Rows& rows = outcome.results[0];
                  done({std::nullopt, DiskRowCounts{.trusted = rows.Integer(0, 0),
                                                    .suspect = rows.Integer(0, 1),
                                                    .of_unknown_disk = rows.Integer(0, 2),
                                                    .only_there = rows.Integer(0, 3)}});
                });
}

void Disks::OnlyOn(std::string virtual_storage, std::string storage, int limit,
                   db::Deadline deadline, Callback<std::vector<Below>> done) {
  database_.Run(
      {{{kOnly, {std::move(virtual_storage), std::move(storage), int64_t{limit}}}}, deadline, true},
      [done = std::move(done)](db::Outcome outcome) {
        if (!outcome.ok()) return done({std::move(outcome.error)});
        const db::Rows& rows = outcome.results[0];
        std::vector<Below> only;
        for (size_t i = 0; i < rows.size(); ++i) {
          only.push_back({.id = rows.Integer(i, 0), .relative_path = rows.Text(i, 1)});
        }
        done({std::nullopt, std::move(only)});
      });
}

}  // namespace praefect::datastore
