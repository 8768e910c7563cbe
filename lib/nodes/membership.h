#pragma once

// Which nodes there are, from a configuration, and which of them are designated.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/config.h"
#include "nodes/snapshot.h"

namespace praefect::nodes {

// The nodes of `storages` in file order, the primary of every virtual storage marked. A node that
// `before` has too (same virtual storage, storage and address) keeps its id and all that is known
// about it; others are unknown, and get ids from `next_id` on, which is raised. So a storage with
// another address is another node. An address that cannot be parsed makes a node that is down.
Snapshot NodesOf(const std::vector<config::VirtualStorage>& storages, const Snapshot& before,
                 uint32_t& next_id);

// By virtual storage, as the books tell.
using Designated = std::map<std::string, std::string>;
// Whether anything of `snapshot` changed by it.
bool Designate(Snapshot& snapshot, const Designated& designated);

}  // namespace praefect::nodes
