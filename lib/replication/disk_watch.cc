#include "replication/disk_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "datastore/await.h"
#include "replication/job_run.h"

namespace praefect::replication {

using datastore::Await;
using datastore::DiskRows;
using datastore::Rule;
using nodes::DiskDoubt;

void DiskWatch::Look(const std::shared_ptr<const nodes::Snapshot>& snapshot,
                     const std::function<bool()>& stopping) {
  if (snapshot == nullptr || !Learn(*snapshot)) return;
  for (const nodes::VirtualStorage& virtual_storage : snapshot->virtual_storages) {
    for (const nodes::Node& node : virtual_storage.nodes) {
      if (stopping()) return;
      LookAt(proxy::NodePtr(snapshot, &node), stopping);
    }
  }
}

// False when the database does not answer.
bool DiskWatch::Learn(const nodes::Snapshot& snapshot) {
  const auto read = [&] {
    auto listed = Await<std::vector<datastore::Disk>>(
        [&](auto done) { context_.disks.List(db::After(kBooksTimeout), std::move(done)); });
    if (listed.ok()) known_ = std::move(listed.value);
    return listed.ok();
  };
  if (!read()) return false;
  if (NoteNew(snapshot) && !read()) return false;
  std::vector<nodes::ExpectedDisk> expected;
  for (const datastore::Disk& disk : known_) {
    expected.push_back({disk.virtual_storage, disk.storage, disk.filesystem_id});
  }
  context_.expect(std::move(expected));
  return true;
}

// Whether there was any. Two Praefects that read different disks of a storage that is new agree on
// one of them.
bool DiskWatch::NoteNew(const nodes::Snapshot& snapshot) {
  bool any = false;
  for (const nodes::VirtualStorage& virtual_storage : snapshot.virtual_storages) {
    for (const nodes::Node& node : virtual_storage.nodes) {
      const std::string& id = node.disk.filesystem_id;
      const bool known = id.empty() || Find(node) != nullptr;
      if (known || node.disk.doubt != DiskDoubt::kNotCompared) continue;
      Await<bool>([&](auto done) {
        context_.disks.Note({node.virtual_storage, node.storage, id}, db::After(kBooksTimeout),
                            std::move(done));
      });
      any = true;
    }
  }
  return any;
}

const datastore::Disk* DiskWatch::Find(const nodes::Node& node) const {
  const auto found = std::find_if(known_.begin(), known_.end(), [&](const datastore::Disk& disk) {
    return disk.virtual_storage == node.virtual_storage && disk.storage == node.storage;
  });
  return found == known_.end() ? nullptr : &*found;
}

void DiskWatch::LookAt(const proxy::NodePtr& node, const std::function<bool()>& stopping) {
  const datastore::Disk* known = Find(*node);
  // A snapshot that was made before the books changed says nothing.
  if (known == nullptr || known->filesystem_id != node->disk.filesystem_id) return;
  const std::string id = known->filesystem_id;
  if (node->disk.doubt == DiskDoubt::kNone) {
    ChangeRows(*node, DiskRows::kSuspect, datastore::SettleSuspectOn(node->storage, id), stopping);
  } else if (node->disk.doubt == DiskDoubt::kFilesystemChanged && node->disk.suspect) {
    const auto found = ChangeRows(*node, DiskRows::kTrusted,
                                  datastore::SuspectStorage(node->storage, id), stopping);
    const bool done = found && *found == 0;
    if (done && node->health == nodes::Health::kUp && IsEmptyDisk(node)) TakeDisk(*node);
  }
}

// Of all rows of the storage that are suspect, or that are not; how many it changed, if it came to
// the end.
std::optional<int64_t> DiskWatch::ChangeRows(const nodes::Node& node, DiskRows which,
                                             const Rule& rule,
                                             const std::function<bool()>& stopping) {
  int64_t changed = 0;
  const bool whole = ChangeEach(node, which, rule, stopping, changed);
  if (changed > 0) {
    context_.logger.Warn(which == DiskRows::kSuspect
                             ? "replicas on a disk that was in doubt are decided over"
                             : "replicas are suspect: their storage is on another disk",
                         {{"virtual_storage", node.virtual_storage},
                          {"storage", node.storage},
                          {"repositories", changed}});
  }
  return whole ? std::optional(changed) : std::nullopt;
}

// False when it did not come to the end.
bool DiskWatch::ChangeEach(const nodes::Node& node, DiskRows which, const Rule& rule,
                           const std::function<bool()>& stopping, int64_t& changed) {
  for (int64_t after = 0;;) {
    const auto rows = Await<Rows>([&](auto done) {
      context_.disks.RowsOn(node.virtual_storage, node.storage, which, after, kBatch,
                            db::After(kBooksTimeout), std::move(done));
    });
    if (!rows.ok()) return false;
    if (rows.value.empty()) return true;
    for (const int64_t id : rows.value) {
      if (stopping()) return false;
      const auto done = Await<datastore::Changed>([&](auto callback) {
        context_.keeper.Change(id, rule, db::After(kBooksTimeout), std::move(callback));
      });
      if (!done.ok()) return false;
      if (done.value == datastore::Changed::kDone) ++changed;
    }
    after = rows.value.back();
  }
}

// The id is read before and after, so that it is this disk that is empty.
bool DiskWatch::IsEmptyDisk(const proxy::NodePtr& node) {
  const auto same = [&] {
    const auto id = context_.nodes.FilesystemId(node);
    return id.value && *id.value == node->disk.found;
  };
  if (!same()) return false;
  const auto empty = context_.nodes.IsEmpty(node);
  if (empty.value) {
    refused_.clear();
    return *empty.value && same();
  }
  if (refused_ != empty.answer.message) {
    context_.logger.Error("whether a storage is empty cannot be found out",
                          {{"virtual_storage", node->virtual_storage},
                           {"storage", node->storage},
                           {"error", empty.answer.message}});
    refused_ = empty.answer.message;
  }
  return false;
}

void DiskWatch::TakeDisk(const nodes::Node& node) {
  const auto replaced = Await<bool>([&](auto done) {
    context_.disks.Replace({node.virtual_storage, node.storage, node.disk.found},
                           node.disk.filesystem_id, db::After(kBooksTimeout), std::move(done));
  });
  if (!replaced.value) return;
  context_.metrics.disks_taken.Increment();
  context_.logger.Warn("a storage came back empty: it is filled up again",
                       {{"virtual_storage", node.virtual_storage},
                        {"storage", node.storage},
                        {"filesystem_id", node.disk.found},
                        {"former_filesystem_id", node.disk.filesystem_id}});
}

}  // namespace praefect::replication
