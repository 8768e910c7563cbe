#include "nodes/membership.h"

#include <utility>

#include "nodes/probe_result.h"

namespace praefect::nodes {
namespace {

Node MakeNode(const config::VirtualStorage& storage, const config::Node& configured, uint32_t id) {
  Node node;
  node.id = id;
  node.virtual_storage = storage.name;
  node.storage = configured.storage;
  node.address_text = configured.address;
  absl::StatusOr<config::Address> address = config::ParseNodeAddress(configured.address);
  if (address.ok()) {
    node.address = *std::move(address);
  } else {
    node.health = Health::kDown;
    node.reason = "invalid address";
    node.key_to_check = kAddressKey;
  }
  return node;
}

const Node* Find(const Snapshot& snapshot, const std::string& virtual_storage,
                 const config::Node& configured) {
  const VirtualStorage* storage = snapshot.Find(virtual_storage);
  if (storage == nullptr) return nullptr;
  for (const Node& node : storage->nodes) {
    if (node.storage == configured.storage && node.address_text == configured.address) return &node;
  }
  return nullptr;
}

// The books' word counts where it is about a node that is here.
void MarkPrimary(VirtualStorage& storage) {
  const Node* primary = storage.Find(storage.designated);
  if (primary == nullptr) primary = storage.Find(storage.designated_by_file);
  if (primary == nullptr && !storage.nodes.empty()) primary = &storage.nodes.front();
  for (Node& node : storage.nodes) node.primary = &node == primary;
}

}  // namespace

Snapshot NodesOf(const std::vector<config::VirtualStorage>& storages, const Snapshot& before,
                 uint32_t& next_id) {
  Snapshot snapshot;
  snapshot.started = before.started;
  for (const config::VirtualStorage& configured : storages) {
    VirtualStorage& storage = snapshot.virtual_storages.emplace_back();
    storage.name = configured.name;
    storage.replication_factor = configured.default_replication_factor;
    for (const config::Node& each : configured.nodes) {
      const Node* known = Find(before, configured.name, each);
      Node& node = storage.nodes.emplace_back(
          known != nullptr ? *known : MakeNode(configured, each, next_id++));
      node.token = each.token;
      if (each.primary) storage.designated_by_file = each.storage;
    }
    if (const VirtualStorage* known = before.Find(storage.name)) {
      storage.designated = known->designated;
    }
    MarkPrimary(storage);
  }
  return snapshot;
}

bool Designate(Snapshot& snapshot, const Designated& designated) {
  bool changed = false;
  for (VirtualStorage& storage : snapshot.virtual_storages) {
    const auto told = designated.find(storage.name);
    if (told == designated.end() || storage.designated == told->second) continue;
    storage.designated = told->second;
    MarkPrimary(storage);
    changed = true;
  }
  return changed;
}

}  // namespace praefect::nodes
