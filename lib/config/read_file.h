#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <string>

namespace praefect::config {

struct FileContents {
  std::string text;
  unsigned mode = 0;     // permission bits
  bool regular = false;  // not a pipe, a device, ...
};

// A whole file of at most `max_bytes`. Errors read as Go's: "open PATH: no such file or directory".
// OutOfRange: it is larger; FailedPrecondition: it is a directory. A pipe must be written to its
// end within kPipeTimeout (DeadlineExceeded): a reload would else wait for ever.
inline constexpr std::chrono::milliseconds kPipeTimeout{2'000};
absl::StatusOr<FileContents> ReadFile(const std::string& path, size_t max_bytes);

// The same from an open descriptor, to its end, however long that takes; errors call it `name`.
absl::StatusOr<std::string> ReadDescriptor(int descriptor, const std::string& name,
                                           size_t max_bytes);

}  // namespace praefect::config
