#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/findings.h"

namespace praefect::config {

// The rules of virtual storages and their nodes, in upstream's order. Normalises node addresses and
// gives those without a port Gitaly's own.
void CheckVirtualStorages(std::vector<VirtualStorage>& storages, Findings& findings);

// The kernel's limit on the path of a unix socket.
void CheckSocketPathLength(std::string_view key, const std::string& path, Findings& findings);

}  // namespace praefect::config
