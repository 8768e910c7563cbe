#include "config/read_file.h"

#include <absl/status/status.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <system_error>

namespace praefect::config {
namespace {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
constexpr Deadline kNoDeadline = Deadline::max();

// Most files are smaller, and a limit may be large: a buffer of that size would be zeroed for each.
constexpr size_t kPieceBytes = 64 << 10;

class File {
 public:
  // Opens without blocking: a named pipe that nobody writes must not hang the start.
  explicit File(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
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

// Until something can be read, or the end has come.
bool WaitReadable(int descriptor, Deadline deadline) {
  pollfd readable{descriptor, POLLIN, 0};
  for (;;) {
    int left = -1;
    if (deadline != kNoDeadline) {
      const auto time = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      left = static_cast<int>(std::max<int64_t>(time.count(), 0));
    }
    const int found = poll(&readable, 1, left);
    if (found >= 0 || errno != EINTR) return found != 0;
  }
}

absl::StatusOr<std::string> ReadToEnd(int descriptor, const std::string& name, size_t max_bytes,
                                      Deadline deadline) {
  std::string text;
  while (text.size() <= max_bytes) {
    const size_t length = text.size();
    text.resize(std::min(length + kPieceBytes, max_bytes + 1));
    const ssize_t count = read(descriptor, text.data() + length, text.size() - length);
    const int error = errno;
    text.resize(length + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count == 0) return text;
    if (count > 0 || error == EINTR) continue;
    if (error != EAGAIN) return Failed("read", name, error);
    if (WaitReadable(descriptor, deadline)) continue;
    return absl::DeadlineExceededError(fmt::format(
        "read {}: the pipe was not written to its end within {} ms", name, kPipeTimeout.count()));
  }
  return absl::OutOfRangeError(fmt::format("read {}: larger than {} bytes", name, max_bytes));
}

}  // namespace

absl::StatusOr<std::string> ReadDescriptor(int descriptor, const std::string& name,
                                           size_t max_bytes) {
  return ReadToEnd(descriptor, name, max_bytes, kNoDeadline);
}

absl::StatusOr<FileContents> ReadFile(const std::string& path, size_t max_bytes) {
  const File file(path);
  struct stat status;
  if (file.descriptor() < 0 || fstat(file.descriptor(), &status) != 0) {
    return Failed("open", path, errno);
  }
  auto text = ReadToEnd(file.descriptor(), path, max_bytes, Clock::now() + kPipeTimeout);
  if (!text.ok()) return text.status();
  return FileContents{*std::move(text), status.st_mode & 0777U, S_ISREG(status.st_mode)};
}

}  // namespace praefect::config
