// Namespaces: directories that clients see, below which repositories have their names. On the
// nodes others may lie there, under names that they had before; so these calls stay in the books.

#include <fmt/format.h>

#include <set>

#include "datastore/await.h"
#include "proxy/clerk.h"
#include "proxy/decisions.h"

namespace praefect::proxy {

using absl::StatusCode;
using datastore::Changed;

void Clerk::RemoveNamespace(Name directory, db::Deadline deadline, Done done) {
  Hand([=, this] { return RemoveNamespaceNow(directory, deadline); }, std::move(done));
}
void Clerk::RenameNamespace(Name from, std::string to, db::Deadline deadline, Done done) {
  Hand([=, this] { return RenameNamespaceNow(from, to, deadline); }, std::move(done));
}

Decision Clerk::RemoveNamespaceNow(const Name& directory, db::Deadline deadline) {
  const auto below = datastore::Await<std::vector<datastore::Below>>(
      [&](auto done) { keeper_.store().ListBelow(directory, 1, deadline, std::move(done)); });
  if (!below.ok()) return DatabaseAway(*below.error);
  std::string first = below.value.empty() ? "" : below.value.front().relative_path;
  if (first.empty()) {
    const Unrecorded unrecorded = FindUnrecorded(directory, deadline);
    if (unrecorded.refused) return *unrecorded.refused;
    if (unrecorded.paths.empty()) return {Decision::kDone};
    first = *unrecorded.paths.begin();
  }
  return Refused(StatusCode::kFailedPrecondition,
                 fmt::format("namespace \"{}\" cannot be removed: \"{}\" is in it",
                             directory.relative_path, first),
                 "namespace_not_empty", "remove its repositories first");
}

Decision Clerk::RenameNamespaceNow(const Name& from, const std::string& to, db::Deadline deadline) {
  const Name target{from.virtual_storage, to};
  const auto exists = [&] {
    return Refused(StatusCode::kInvalidArgument, fmt::format("to directory {} already exists", to),
                   "already_exists");
  };
  if (to == from.relative_path || to.starts_with(from.relative_path + "/")) return exists();
  const Unrecorded in_the_way = FindUnrecorded(target, deadline);
  if (in_the_way.refused) return *in_the_way.refused;
  if (!in_the_way.paths.empty()) return exists();
  const Unrecorded unrecorded = FindUnrecorded(from, deadline);
  if (unrecorded.refused) return *unrecorded.refused;
  for (const std::string& path : unrecorded.paths) {
    Decision adopted = AdoptNow({from.virtual_storage, path}, deadline);
    if (adopted.kind == Decision::kRefused) return adopted;
  }
  const auto limit = static_cast<int>(options_.max_namespace);
  const auto below = datastore::Await<std::vector<datastore::Below>>(
      [&](auto done) { keeper_.store().ListBelow(from, limit + 1, deadline, std::move(done)); });
  if (!below.ok()) return DatabaseAway(*below.error);
  if (below.value.size() > options_.max_namespace) {
    return Refused(
        StatusCode::kResourceExhausted,
        fmt::format("namespace \"{}\" cannot be renamed at once: it has more than {} repositories",
                    from.relative_path, limit),
        "namespace_too_large", "rename its repositories one by one");
  }
  for (const datastore::Below& each : below.value) {
    const bool live = each.state == datastore::RepositoryState::kLive;
    if (!live) return Busy("created", {from.virtual_storage, each.relative_path});
  }
  const auto renamed = datastore::Await<datastore::RenamedBelow>(
      [&](auto done) { keeper_.RenameBelow(from, to, limit, deadline, std::move(done)); });
  if (!renamed.ok()) return DatabaseAway(*renamed.error);
  return renamed.value.changed == Changed::kRefused ? exists() : Decision{Decision::kDone};
}

// What lies at the place of a repository, or around it, belongs to that.
Clerk::Unrecorded Clerk::FindUnrecorded(const Name& directory, db::Deadline deadline) const {
  Walked walked = WalkAll(directory.virtual_storage, NodeClient::kQuestionTimeout);
  if (!walked.unanswered.empty()) return {.refused = Unanswered(directory, walked.unanswered)};
  Unrecorded unrecorded;
  for (WalkedRepository& each : walked.repositories) {
    const bool below = each.path.starts_with(directory.relative_path + "/");
    if (below) unrecorded.paths.insert(std::move(each.path));
  }
  for (auto path = unrecorded.paths.begin(); path != unrecorded.paths.end();) {
    const auto overlaps = Overlaps({directory.virtual_storage, *path}, deadline);
    if (!overlaps.ok()) return {.refused = DatabaseAway(*overlaps.error)};
    path = overlaps.value ? unrecorded.paths.erase(path) : std::next(path);
  }
  return unrecorded;
}

}  // namespace praefect::proxy
