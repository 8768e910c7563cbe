#include "datastore/designations.h"

#include <fmt/format.h>

namespace praefect::datastore {
namespace {

// Each virtual storage's word of all who have it; empty: they do not agree.
Designations Agreed(const Declarations& declarations) {
  Designations agreed;
  for (const Declarations::Of& instance : declarations.instances) {
    for (const auto& [virtual_storage, storage] : instance.designated) {
      const auto [said, first] = agreed.emplace(virtual_storage, storage);
      if (!first && said->second != storage) said->second.clear();
    }
  }
  return agreed;
}

}  // namespace

Designations Decide(const Declarations& declarations) {
  Designations in_force = declarations.in_force;
  for (const auto& [virtual_storage, storage] : Agreed(declarations)) {
    if (!storage.empty()) in_force[virtual_storage] = storage;
  }
  for (const Declarations::Of& instance : declarations.instances) {
    for (const auto& [virtual_storage, storage] : instance.designated) {
      in_force.emplace(virtual_storage, storage);
    }
  }
  return in_force;
}

std::string Dissent(const Declarations& declarations, const std::string& virtual_storage,
                    const std::string& wanted) {
  std::string text;
  for (const Declarations::Of& instance : declarations.instances) {
    const auto said = instance.designated.find(virtual_storage);
    if (said == instance.designated.end() || said->second == wanted) continue;
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", instance.name, said->second);
  }
  return text;
}

}  // namespace praefect::datastore
