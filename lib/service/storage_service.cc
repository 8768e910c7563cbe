#include "service/storage_service.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "datastore/await.h"
#include "datastore/disks.h"
#include "datastore/overview.h"

namespace praefect::service {
namespace {

using datastore::Await;
using datastore::DiskRowCounts;
using datastore::DiskRows;
using grpc::Status;
using grpc::StatusCode;
using nodes::DiskDoubt;

// For one statement or change; a stop waits for the one that is under way.
constexpr std::chrono::seconds kPatience{5};

// Nothing of the database's own words reaches clients.
Status DatabaseAway() {
  return {StatusCode::UNAVAILABLE, "Praefect's database did not answer in time, try again"};
}

Status Refuse(std::string text) { return {StatusCode::FAILED_PRECONDITION, std::move(text)}; }

Status Busy() {
  return {StatusCode::RESOURCE_EXHAUSTED, "somebody else is deciding over a storage, try again"};
}

std::string NameOf(const nodes::Node& node) {
  return fmt::format("storage \"{}\" of \"{}\"", node.storage, node.virtual_storage);
}

Status NotConfigured(const std::string& virtual_storage, const std::string& storage) {
  return {StatusCode::INVALID_ARGUMENT,
          fmt::format("no storage \"{}\" of a virtual storage \"{}\" is configured", storage,
                      virtual_storage)};
}

// Why there is nothing to decide over this disk, or not yet; OK: there is.
Status JudgeDisk(const nodes::Node& node, const DiskRowCounts& rows) {
  const std::string name = NameOf(node);
  if (node.health != nodes::Health::kUp) {
    return Refuse(
        fmt::format("which disk {} is on cannot be told while its node is down: bring that up "
                    "first (`praefect dial-nodes`)",
                    name));
  }
  switch (node.disk.doubt) {
    case DiskDoubt::kNone:
      if (rows.of_unknown_disk > 0) return Status::OK;
      if (rows.suspect == 0) {
        return Refuse(fmt::format(
            "{} is not suspect: it is on the disk that it was on{}", name,
            node.disk.filesystem_id.empty() ? "" : ", filesystem_id " + node.disk.filesystem_id));
      }
      return Refuse(
          fmt::format("{} is on the right disk: {} of its replicas are being decided over", name,
                      rows.suspect));
    case DiskDoubt::kFilesystemChanged:
      if (!node.disk.suspect) {
        return Refuse(fmt::format("{} is not suspect yet ({}): try again in some seconds", name,
                                  node.disk.text));
      }
      if (rows.trusted > 0) {
        return Refuse(
            fmt::format("{} replicas of {} are still being marked suspect: try again in "
                        "some seconds",
                        rows.trusted, name));
      }
      return Status::OK;
    case DiskDoubt::kStorageMissing:
    case DiskDoubt::kFilesystemShared:
    case DiskDoubt::kNotCompared:
      break;
  }
  return Refuse(fmt::format("nothing can be decided over {}: {}", name, node.disk.text));
}

// One decision over a disk.
class DiskDecision {
 public:
  DiskDecision(const nodes::Node& node, const BooksView& books)
      : node_(node), books_(books), disks_(books.database) {}

  Status Weigh(api::AcceptDiskResponse& response) {
    const auto rows = Await<DiskRowCounts>([&](auto done) {
      disks_.CountOn(node_.virtual_storage, node_.storage, db::After(kPatience), std::move(done));
    });
    if (!rows.ok()) return DatabaseAway();
    if (Status status = JudgeDisk(node_, rows.value); !status.ok()) return status;
    const auto only = Await<std::vector<datastore::Below>>([&](auto done) {
      disks_.OnlyOn(node_.virtual_storage, node_.storage, kMostListed, db::After(kPatience),
                    std::move(done));
    });
    if (!only.ok()) return DatabaseAway();
    response.set_former_filesystem_id(node_.disk.filesystem_id);
    response.set_filesystem_id(changed() ? node_.disk.found : node_.disk.filesystem_id);
    response.set_replicas(rows.value.suspect);
    response.set_only_there(rows.value.only_there);
    for (const datastore::Below& each : only.value) {
      api::OnlyThere& there = *response.add_first();
      there.set_repository_id(each.id);
      there.set_relative_path(each.relative_path);
    }
    return Status::OK;
  }

  // What was claimed under a disk that nobody knows is given up here. With the new disk in the
  // books, the watch over disks (replication::DiskWatch), here and in other Praefects, gives up
  // what was claimed under the former one.
  Status Apply(bool& unfinished) {
    const auto rows = Await<std::vector<int64_t>>([&](auto done) {
      disks_.RowsOn(node_.virtual_storage, node_.storage, DiskRows::kOfUnknownDisk, 0,
                    StorageService::kMostChanged, db::After(kPatience), std::move(done));
    });
    if (!rows.ok()) return DatabaseAway();
    for (const int64_t id : rows.value) {
      const auto changed = Await<datastore::Changed>([&](auto done) {
        books_.keeper.Change(id, datastore::GiveUpStorage(node_.storage), db::After(kPatience),
                             std::move(done));
      });
      if (!changed.ok()) return DatabaseAway();
    }
    unfinished = rows.value.size() == StorageService::kMostChanged;
    if (unfinished || !changed()) return Status::OK;
    const auto replaced = Await<bool>([&](auto done) {
      disks_.Replace({node_.virtual_storage, node_.storage, node_.disk.found},
                     node_.disk.filesystem_id, db::After(kPatience), std::move(done));
    });
    if (!replaced.ok()) return DatabaseAway();
    if (replaced.value) return Status::OK;
    return {StatusCode::ABORTED,
            fmt::format("the books of {} changed meanwhile: look again", NameOf(node_))};
  }

 private:
  bool changed() const { return node_.disk.doubt == DiskDoubt::kFilesystemChanged; }

  const nodes::Node& node_;
  const BooksView& books_;
  datastore::Disks disks_;
};

}  // namespace

Status StorageService::AcceptDisk(grpc::ServerContext*, const api::AcceptDiskRequest* request,
                                  api::AcceptDiskResponse* response) {
  const std::unique_lock lock(one_at_a_time_, std::try_to_lock);
  if (!lock.owns_lock()) return Busy();
  const BooksView books = books_();
  const auto snapshot = nodes_.snapshot();
  const nodes::VirtualStorage* virtual_storage = snapshot->Find(request->virtual_storage());
  const nodes::Node* node =
      virtual_storage == nullptr ? nullptr : virtual_storage->Find(request->storage());
  if (node == nullptr) return NotConfigured(request->virtual_storage(), request->storage());

  DiskDecision decision(*node, books);
  if (Status status = decision.Weigh(*response); !status.ok()) return status;
  if (!request->apply()) return Status::OK;
  if (response->only_there() > 0 && !request->accept_dataloss()) {
    return Refuse(
        fmt::format("acknowledged writes of {} repositories are on the old disk of {} alone: mount "
                    "it again, or say that they may be lost (accept_dataloss)",
                    response->only_there(), NameOf(*node)));
  }
  bool unfinished = false;
  if (Status status = decision.Apply(unfinished); !status.ok()) return status;
  response->set_applied(true);
  response->set_unfinished(unfinished);
  logger_.Warn("an operator gave up what was on the former disk of a storage",
               {{"virtual_storage", node->virtual_storage},
                {"storage", node->storage},
                {"filesystem_id", response->filesystem_id()},
                {"former_filesystem_id", response->former_filesystem_id()},
                {"replicas", response->replicas()},
                {"only_there", response->only_there()}});
  return Status::OK;
}

Status StorageService::GiveUpDeletes(grpc::ServerContext*, const api::GiveUpDeletesRequest* request,
                                     api::GiveUpDeletesResponse* response) {
  const std::unique_lock lock(one_at_a_time_, std::try_to_lock);
  if (!lock.owns_lock()) return Busy();
  const BooksView books = books_();
  const std::string& name = request->virtual_storage();
  const std::string& storage = request->storage();
  const auto snapshot = nodes_.snapshot();
  const nodes::VirtualStorage* virtual_storage = snapshot->Find(name);
  if (virtual_storage != nullptr && virtual_storage->Find(storage) != nullptr) {
    return Refuse(fmt::format(
        "storage \"{}\" of \"{}\" is configured: what is to be deleted there is deleted "
        "when its node is up",
        storage, name));
  }
  const auto waiting = Await<datastore::WaitingDeletes>([&](auto done) {
    datastore::Overview(books.database)
        .DeletesOn(name, storage, kMostChanged, db::After(kPatience), std::move(done));
  });
  if (!waiting.ok()) return DatabaseAway();
  if (waiting.value.count == 0) {
    return Refuse(fmt::format("no delete waits for a storage \"{}\" of \"{}\"", storage, name));
  }
  response->set_deletes(waiting.value.count);
  for (const datastore::WaitingDelete& each : waiting.value.first) {
    if (response->first_size() == kMostListed) break;
    response->add_first(each.replica_path);
  }
  if (!request->apply()) return Status::OK;
  int64_t given_up = 0;
  for (const datastore::WaitingDelete& each : waiting.value.first) {
    const auto changed = Await<datastore::Changed>([&](auto done) {
      books.keeper.Change(each.repository_id, datastore::GiveUpDeleteOn(storage),
                          db::After(kPatience), std::move(done));
    });
    if (!changed.ok()) return DatabaseAway();
    if (changed.value == datastore::Changed::kDone) ++given_up;
  }
  response->set_deletes(given_up);
  response->set_applied(true);
  response->set_unfinished(waiting.value.count > kMostChanged);
  logger_.Warn("an operator gave up deletes that waited for a storage",
               {{"virtual_storage", name}, {"storage", storage}, {"deletes", given_up}});
  return Status::OK;
}

}  // namespace praefect::service
