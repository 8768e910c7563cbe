#pragma once

// How a repository borrows objects of a pool: objects/info/alternates names the pool's objects.

#include <absl/status/statusor.h>

#include <filesystem>
#include <string>

#include "call.h"

namespace praefect::minigitaly {

// The relative path of the pool below `storage`; empty for a repository that borrows nothing.
absl::StatusOr<std::string> LinkedPool(const std::filesystem::path& storage,
                                       const std::filesystem::path& repository);

// FailedPrecondition when `pool` is none, or the repository borrows from another one.
absl::Status LinkToPool(const std::filesystem::path& repository, const std::filesystem::path& pool);

// Copies what is borrowed into the repository, then cuts the link. Nothing changes on failure.
absl::Status DisconnectFromPool(Call& call, const std::filesystem::path& repository);

}  // namespace praefect::minigitaly
