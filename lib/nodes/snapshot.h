#pragma once

// What is known about the configured nodes at one moment: immutable, shared by reference count.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/address.h"

namespace praefect::nodes {

enum class Health {
  kUnknown,  // never probed to an end yet
  kUp,
  kDown,
};

struct Node {
  uint32_t id = 0;  // dense, stable for the life of the process; the key of per-node state elsewhere
  std::string virtual_storage;
  std::string storage;
  config::Address address;
  std::string address_text;  // as configured, for people
  std::string token;
  bool primary = false;  // designated by the configuration (or the first node where none is)
  Health health = Health::kUnknown;
  std::string reason;  // why it is not up, for people; empty when it is
};

struct VirtualStorage {
  std::string name;
  std::vector<Node> nodes;  // in file order; never empty
  const Node& primary() const;
};

struct Snapshot {
  std::vector<VirtualStorage> virtual_storages;  // in file order; never empty
  const VirtualStorage* Find(std::string_view name) const;
};

}  // namespace praefect::nodes
