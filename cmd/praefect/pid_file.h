#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

namespace praefect::cmd {

// The file that Omnibus' wrapper (gitaly-wrapper) finds its process by. Removed by the destructor,
// unless another process has written its own number there.
class PidFile {
 public:
  // What GITALY_PID_FILE names; null when it names nothing. The file appears whole. Fails naming
  // the variable and the file.
  static absl::StatusOr<std::unique_ptr<PidFile>> FromEnvironment();
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  explicit PidFile(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

}  // namespace praefect::cmd
