#pragma once

// How GitLab tells whether two storages are the same disk.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace praefect::service {

using Uuid = std::array<uint8_t, 16>;

// Version 5 of RFC 4122: from a namespace and a name, by SHA-1. Lower-case with hyphens.
std::string UuidV5(const Uuid& name_space, std::string_view name);

// The same for every Praefect of a cluster, for ever: upstream's namespace and the virtual
// storage's name.
std::string FilesystemId(std::string_view virtual_storage);

}  // namespace praefect::service
