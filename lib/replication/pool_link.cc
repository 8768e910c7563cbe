#include "replication/pool_link.h"

#include <fmt/format.h>

#include <optional>

#include "datastore/await.h"
#include "datastore/changes.h"
#include "datastore/overview.h"
#include "datastore/rules.h"
#include "nodes/gitaly_version.h"
#include "replication/job_run.h"

namespace praefect::replication {
namespace {

using datastore::Repository;

// What the books answer; nothing when they do not.
template <class T, class Begin>
std::optional<T> Ask(Begin begin) {
  auto result =
      datastore::Await<T>([&](auto done) { begin(db::After(kBooksTimeout), std::move(done)); });
  if (!result.ok()) return std::nullopt;
  return std::move(result.value);
}

std::string Waits(const std::string& pool, const std::string& target) {
  return fmt::format("waits for its object pool \"{}\" on storage \"{}\"", pool, target);
}

}  // namespace

std::string PoolLink::Look(const proxy::NodePtr& source, const std::string& target) {
  if (source == nullptr) return "";  // it has just left the configuration
  if (!nodes::KnowsReplicateRepository(source->server_version)) {
    known_ = true;  // whatever it borrows was fetched: the target is to have all objects its own
    return "";
  }
  const auto asked = context_.nodes.PoolOf(source, context_.replica_path);
  if (!asked.value) return "";  // the copy itself will tell what is wrong with that node
  if (asked.value->empty()) {
    known_ = true;
    return "";
  }
  const std::string& pool = *asked.value;
  datastore::Store& store = context_.keeper.store();
  const auto id = Ask<int64_t>([&](auto by, auto done) {
    store.FindPlace(context_.virtual_storage, pool, by, std::move(done));
  });
  if (!id) return "the object pool cannot be looked for: the database does not answer";
  if (*id == 0) return "";
  const auto found = Ask<std::optional<Repository>>(
      [&](auto by, auto done) { store.Find(*id, by, std::move(done)); });
  if (!found) return "the object pool cannot be looked for: the database does not answer";
  if (!*found) return "";
  Repository repository = **found;
  datastore::PlaceWanted(repository, *store.storages());
  const int position = repository.Position(target);
  if (position == datastore::kNoStorage) return "";
  const datastore::Replica& replica = repository.books.replicas[static_cast<size_t>(position)];
  if (datastore::IsCurrent(repository.books, position)) {
    known_ = true;
    pool_ = pool;
    return "";
  }
  if (replica.surplus) return "";
  if (replica.job.state == datastore::JobState::kNone) {
    Ask<datastore::Changed>([&](auto by, auto done) {
      context_.keeper.Change(*id, datastore::WantAllCopies(), by, std::move(done));
    });
  }
  return Waits(pool, target);
}

proxy::NodeAnswer PoolLink::Mirror(const proxy::NodePtr& target,
                                   const std::function<proxy::Gate()>& gate) const {
  if (!known_) return {};
  const auto unlink = [&] { return context_.nodes.Unlink(target, context_.replica_path, gate()); };
  // One that cannot tell unlinks what is linked to nothing, and links what is linked already.
  if (nodes::KnowsReplicateRepository(target->server_version)) {
    const auto there = context_.nodes.PoolOf(target, context_.replica_path);
    if (!there.value) return there.answer;
    if (*there.value == pool_) return {};
    if (!there.value->empty() && !pool_.empty()) {
      proxy::NodeAnswer answer = unlink();
      if (!answer.ok()) return answer;
    }
  }
  if (pool_.empty()) return unlink();
  return context_.nodes.LinkToPool(target, context_.replica_path, pool_, gate());
}

}  // namespace praefect::replication
