#include "config/secret_file.h"

#include <absl/status/status.h>
#include <fmt/format.h>

#include "config/read_file.h"

namespace praefect::config {

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  constexpr size_t kMaxSecretBytes = 64 << 10;
  auto contents = ReadFile(path, kMaxSecretBytes);
  if (!contents.ok()) return contents.status();
  if (!contents->regular) {
    return absl::InvalidArgumentError(fmt::format("not a file: \"{}\"", path));
  }
  if (contents->mode != 0600 && contents->mode != 0400) {
    return absl::PermissionDeniedError(fmt::format(
        "file permission {:04o} is too permissive, should be 0600 or 0400", contents->mode));
  }
  const auto end = contents->text.find_last_not_of("\r\n");
  contents->text.resize(end == std::string::npos ? 0 : end + 1);
  if (contents->text.empty()) {
    return absl::InvalidArgumentError(fmt::format("empty file: \"{}\"", path));
  }
  return std::move(contents->text);
}

}  // namespace praefect::config
