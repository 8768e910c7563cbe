#include "config/read_file.h"

#include <absl/status/status.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <system_error>

namespace praefect::config {
namespace {

// Most files are smaller, and a limit may be large: a buffer of that size would be zeroed for each.
constexpr size_t kPieceBytes = 64 << 10;

class File {
 public:
  // Opens without blocking: a named pipe that nobody writes must not hang the start.
  explicit File(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (descriptor_ >= 0) fcntl(descriptor_, F_SETFL, 0);
  }
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

absl::StatusCode CodeOf(int error) {
  if (error == ENOENT) return absl::StatusCode::kNotFound;
  if (error == EISDIR) return absl::StatusCode::kFailedPrecondition;
  return absl::StatusCode::kUnavailable;
}

absl::Status Failed(std::string_view action, const std::string& path, int error) {
  std::string cause = std::generic_category().message(error);
  if (!cause.empty()) cause[0] = static_cast<char>(std::tolower(cause[0]));
  return absl::Status(CodeOf(error), fmt::format("{} {}: {}", action, path, cause));
}

}  // namespace

absl::StatusOr<std::string> ReadDescriptor(int descriptor, const std::string& name,
                                           size_t max_bytes) {
  std::string text;
  while (text.size() <= max_bytes) {
    const size_t length = text.size();
    text.resize(std::min(length + kPieceBytes, max_bytes + 1));
    const ssize_t count = read(descriptor, text.data() + length, text.size() - length);
    const int error = errno;
    text.resize(length + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && error != EINTR) return Failed("read", name, error);
    if (count == 0) return text;
  }
  return absl::OutOfRangeError(fmt::format("read {}: larger than {} bytes", name, max_bytes));
}

absl::StatusOr<FileContents> ReadFile(const std::string& path, size_t max_bytes) {
  const File file(path);
  struct stat status;
  if (file.descriptor() < 0 || fstat(file.descriptor(), &status) != 0) {
    return Failed("open", path, errno);
  }
  auto text = ReadDescriptor(file.descriptor(), path, max_bytes);
  if (!text.ok()) return text.status();
  return FileContents{*std::move(text), status.st_mode & 0777U, S_ISREG(status.st_mode)};
}

}  // namespace praefect::config
