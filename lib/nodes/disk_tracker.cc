#include "nodes/disk_tracker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace praefect::nodes {
namespace {

constexpr std::string_view kNotCompared = "its disk was not compared with the books yet, try again";

}  // namespace

DiskTracker::DiskTracker()
    : disk_{"", DiskDoubt::kNotCompared, false, std::string(kNotCompared), ""} {}

void DiskTracker::Observe(std::chrono::milliseconds now, const ServerFacts& facts,
                          const std::string& storage) {
  if (facts.storages.empty()) return;
  const auto found = std::find_if(facts.storages.begin(), facts.storages.end(),
                                  [&](const auto& each) { return each.name == storage; });
  if (found == facts.storages.end()) {
    return Differs(now, DiskDoubt::kStorageMissing,
                   fmt::format("the node serves no storage \"{}\"; its first one is \"{}\"",
                               storage, facts.storages.front().name));
  }
  const std::string& id = found->filesystem_id;
  if (!id.empty()) read_ = id;
  if (awaits_ && !id.empty()) {
    disk_ = {id, DiskDoubt::kNotCompared, false, std::string(kNotCompared), ""};
    return;
  }
  if (disk_.filesystem_id.empty()) disk_.filesystem_id = id;
  const bool unknown = id.empty() && disk_.doubt != DiskDoubt::kStorageMissing &&
                       disk_.doubt != DiskDoubt::kNotCompared;
  if (!unknown) Compare(now, id);
}

void DiskTracker::Expect(std::chrono::milliseconds now, const std::string& id) {
  if (!awaits_ && id == disk_.filesystem_id) return;
  awaits_ = false;
  disk_.filesystem_id = id;
  if (!read_.empty()) Compare(now, read_);
}

void DiskTracker::Compare(std::chrono::milliseconds now, const std::string& id) {
  if (id.empty() || id == disk_.filesystem_id) return Agrees();
  Differs(
      now, DiskDoubt::kFilesystemChanged,
      fmt::format("its filesystem_id was {} and is {}: another disk?", disk_.filesystem_id, id));
  disk_.found = id;
}

void DiskTracker::Differs(std::chrono::milliseconds now, DiskDoubt doubt, std::string text) {
  if (readings_++ == 0) since_ = now;
  disk_.doubt = doubt;
  disk_.text = std::move(text);
  disk_.suspect |= readings_ >= kReadings && now - since_ >= kSuspectAfter;
}

void DiskTracker::Agrees() {
  readings_ = 0;
  disk_ = {disk_.filesystem_id, DiskDoubt::kNone, false, "", ""};
}

void DoubtSharedDisks(VirtualStorage& virtual_storage) {
  std::vector<Node*> nodes;
  for (Node& node : virtual_storage.nodes) nodes.push_back(&node);
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const Node* a, const Node* b) { return a->primary && !b->primary; });
  for (size_t i = 0; i < nodes.size(); i++) {
    Disk& disk = nodes[i]->disk;
    const bool comparable = disk.doubt == DiskDoubt::kNone || disk.doubt == DiskDoubt::kNotCompared;
    if (disk.filesystem_id.empty() || !comparable) continue;
    const auto same = std::find_if(
        nodes.begin(), nodes.begin() + static_cast<ptrdiff_t>(i),
        [&](const Node* other) { return other->disk.filesystem_id == disk.filesystem_id; });
    if (*same == nodes[i]) continue;
    disk = {disk.filesystem_id, DiskDoubt::kFilesystemShared, true,
            fmt::format("storage \"{}\" has the same filesystem_id {}: the same disk twice?",
                        (*same)->storage, disk.filesystem_id),
            ""};
  }
}

}  // namespace praefect::nodes
