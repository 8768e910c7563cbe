#pragma once

// What ServerInfo tells about a virtual storage, out of what its primary tells about itself.

#include <optional>

#include "gitaly/server.pb.h"
#include "nodes/snapshot.h"

namespace praefect::service {

// The primary's status of its own storage under the virtual storage's name: replication_factor is
// the number of nodes, filesystem_id is derived from the name when there is more than one. Empty
// when the primary does not know the storage.
std::optional<::gitaly::ServerInfoResponse::StorageStatus> StatusOf(
    const nodes::VirtualStorage& virtual_storage, const ::gitaly::ServerInfoResponse& primary);

}  // namespace praefect::service
