#include "service/server_info.h"

#include <algorithm>

#include "service/filesystem_id.h"

namespace praefect::service {

std::optional<::gitaly::ServerInfoResponse::StorageStatus> StatusOf(
    const nodes::VirtualStorage& virtual_storage, const ::gitaly::ServerInfoResponse& primary) {
  const auto& statuses = primary.storage_statuses();
  const auto own = std::find_if(statuses.begin(), statuses.end(), [&](const auto& status) {
    return status.storage_name() == virtual_storage.primary().storage;
  });
  if (own == statuses.end()) return std::nullopt;
  ::gitaly::ServerInfoResponse::StorageStatus status = *own;
  status.set_storage_name(virtual_storage.name);
  status.set_replication_factor(static_cast<uint32_t>(virtual_storage.nodes.size()));
  if (virtual_storage.nodes.size() > 1) {
    status.set_filesystem_id(FilesystemId(virtual_storage.name));
  }
  return status;
}

}  // namespace praefect::service
