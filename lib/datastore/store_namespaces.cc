// What is done with all repositories below a directory, or of a virtual storage.

#include <utility>

#include "datastore/events.h"
#include "datastore/repository_rows.h"
#include "datastore/steps.h"

namespace praefect::datastore {
namespace {

using db::Sql;
using db::Statement;

// '0' is the character after '/'. What is being removed has no relative path.
constexpr Sql kBelow(
    "SELECT repository_id, relative_path, CAST(state = 'live' AS int) FROM repositories "
    "WHERE virtual_storage = $1 AND relative_path >= $2 AND relative_path < $3 "
    "ORDER BY relative_path LIMIT $4");
// One statement: a repository that goes is in one of the tables at any time.
constexpr Sql kPlaces(
    "SELECT replica_path, CASE WHEN state = 'live' THEN coalesce(relative_path, '') ELSE '' END "
    "FROM repositories WHERE virtual_storage = $1 AND replica_path > $2 UNION ALL "
    "SELECT replica_path, '' FROM retired_paths WHERE virtual_storage = $1 AND replica_path > $2 "
    "ORDER BY 1 LIMIT $3");
constexpr Sql kIdsBelow(
    "SELECT repository_id FROM repositories WHERE virtual_storage = $1 AND relative_path >= $2 "
    "AND relative_path < $3 ORDER BY repository_id LIMIT $4");
// Above a directory, or at it, a repository is in its way.
constexpr Sql kTaken(
    "SELECT EXISTS (SELECT 1 FROM repositories WHERE virtual_storage = $1 AND (relative_path = "
    "ANY ($2) OR (relative_path >= $3 AND relative_path < $4)))",
    "SELECT EXISTS (SELECT 1 FROM repositories WHERE virtual_storage = $1 AND (relative_path IN "
    "(SELECT value FROM json_each($2)) OR (relative_path >= $3 AND relative_path < $4)))");

struct Move {
  RepositoryName from;
  std::string to;
  int limit;
};

// Locks them all before the first one changes.
std::optional<db::Error> LoadAll(db::OpenTransaction& open, const db::Rows& ids, const Move& move,
                                 std::vector<Repository>& all) {
  for (size_t i = 0; i < ids.size(); ++i) {
    Found found = Load(open, ids.Integer(i, 0), Lock::kForUpdate);
    if (found.error) return found.error;
    // It may have left meanwhile.
    const bool below = found.repository && found.repository->name.relative_path.starts_with(
                                               move.from.relative_path + "/");
    if (below) all.push_back(std::move(*found.repository));
  }
  return std::nullopt;
}

std::optional<db::Error> RenameOne(db::OpenTransaction& open, const Move& move,
                                   const Repository& before) {
  Repository after = before;
  after.name.relative_path =
      move.to + before.name.relative_path.substr(move.from.relative_path.size());
  after.renamed = true;
  if (auto error = Record(open, before, EventsOf(before, after))) return error;
  return Save(open, before, after);
}

}  // namespace

void Store::ListBelow(RepositoryName directory, int limit, db::Deadline deadline,
                      Callback<std::vector<Below>> done) {
  if (auto error = CheckName(directory)) return done({std::move(error)});
  const std::string& path = directory.relative_path;
  const Statement list{kBelow, {directory.virtual_storage, path + "/", path + "0", int64_t{limit}}};
  database_.Run({{list}, deadline, true}, [done = std::move(done)](db::Outcome outcome) {
    if (!outcome.ok()) return done({std::move(outcome.error)});
    const db::Rows& rows = outcome.results[0];
    std::vector<Below> all;
    for (size_t i = 0; i < rows.size(); ++i) {
      const bool live = rows.Integer(i, 2) != 0;
      all.push_back({rows.Integer(i, 0), rows.Text(i, 1),
                     live ? RepositoryState::kLive : RepositoryState::kCreating});
    }
    done({std::nullopt, std::move(all)});
  });
}

void Store::ListPlaces(std::string virtual_storage, std::string after, int limit,
                       db::Deadline deadline, Callback<std::vector<Place>> done) {
  const Statement list{kPlaces, {std::move(virtual_storage), std::move(after), int64_t{limit}}};
  database_.Run({{list}, deadline, true}, [done = std::move(done)](db::Outcome outcome) {
    if (!outcome.ok()) return done({std::move(outcome.error)});
    const db::Rows& rows = outcome.results[0];
    std::vector<Place> all;
    for (size_t i = 0; i < rows.size(); ++i) all.push_back({rows.Text(i, 0), rows.Text(i, 1)});
    done({std::nullopt, std::move(all)});
  });
}

void Store::RenameBelow(RepositoryName from, std::string to, int limit, db::Deadline deadline,
                        Callback<RenamedBelow> done) {
  for (const std::string& path : {from.relative_path, to}) {
    if (auto error = CheckName({from.virtual_storage, path})) return done({std::move(error)});
  }
  const auto work = [move = Move{std::move(from), std::move(to), limit}](
                        db::OpenTransaction& open,
                        RenamedBelow& renamed) -> std::optional<db::Error> {
    const std::string& virtual_storage = move.from.virtual_storage;
    const std::string& below = move.from.relative_path;
    const std::vector<std::string> at = WithParents(move.to);
    const db::Outcome asked = open.Execute(
        {{kLockPathsOf, {virtual_storage}},
         {kTaken, {virtual_storage, db::Texts(at.begin(), at.end()), move.to + "/", move.to + "0"}},
         {kIdsBelow, {virtual_storage, below + "/", below + "0", int64_t{move.limit} + 1}}});
    if (!asked.ok()) return asked.error;
    const db::Rows& ids = asked.results[2];
    renamed.changed = Changed::kRefused;
    const bool taken = asked.results[1].Boolean(0, 0);
    if (taken || ids.size() > static_cast<size_t>(move.limit)) return std::nullopt;
    std::vector<Repository> all;
    if (auto error = LoadAll(open, ids, move, all)) return error;
    for (const Repository& repository : all) {
      if (repository.books.state != RepositoryState::kLive) return std::nullopt;
    }
    for (const Repository& repository : all) {
      if (auto error = RenameOne(open, move, repository)) return error;
      renamed.ids.push_back(repository.id);
    }
    renamed.changed = all.empty() ? Changed::kNotFound : Changed::kDone;
    return std::nullopt;
  };
  RunSteps<RenamedBelow>(database_, deadline, std::move(done), work);
}

}  // namespace praefect::datastore
