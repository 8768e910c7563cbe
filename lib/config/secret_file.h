#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace praefect::config {

// The secret in a file, without its trailing newlines; never an empty one. The file must be
// regular, readable for its owner alone (mode 0600 or 0400) and of at most 64 KiB.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

}  // namespace praefect::config
