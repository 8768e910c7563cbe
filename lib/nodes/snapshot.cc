#include "nodes/snapshot.h"

#include <algorithm>

namespace praefect::nodes {

const Node& VirtualStorage::primary() const {
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [](const Node& n) { return n.primary; });
  return found == nodes.end() ? nodes.front() : *found;
}

const Node* VirtualStorage::Find(std::string_view storage) const {
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.storage == storage; });
  return found == nodes.end() ? nullptr : &*found;
}

const VirtualStorage* Snapshot::Find(std::string_view name) const {
  const auto found = std::find_if(virtual_storages.begin(), virtual_storages.end(),
                                  [&](const VirtualStorage& v) { return v.name == name; });
  return found == virtual_storages.end() ? nullptr : &*found;
}

const Node* Snapshot::FindNode(uint32_t id) const {
  for (const VirtualStorage& storage : virtual_storages) {
    for (const Node& node : storage.nodes) {
      if (node.id == id) return &node;
    }
  }
  return nullptr;
}

const Node* Snapshot::FindUnknown() const {
  for (const VirtualStorage& storage : virtual_storages) {
    for (const Node& node : storage.nodes) {
      if (node.health == Health::kUnknown) return &node;
    }
  }
  return nullptr;
}

}  // namespace praefect::nodes
