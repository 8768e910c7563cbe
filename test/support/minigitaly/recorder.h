#pragma once

// Writes down what reached this node: one JSON line when a call starts and one when it ends. Tests
// read the file. Secrets are never written: of `authorization` and `gitaly-servers` only that they
// were there.

#include <absl/status/statusor.h>

#include <chrono>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "method_table.h"

namespace praefect::minigitaly {

struct CallStart {
  std::string method;
  RequestTarget target;
  std::map<std::string, std::string> metadata;
  std::optional<std::chrono::milliseconds> deadline;  // left when the call came in
};

struct CallEnd {
  absl::Status status;
  bool cancelled = false;  // the caller had gone before the answer
  std::chrono::milliseconds duration{0};
};

class Recorder {
 public:
  // Records nothing with an empty path. Appends to a file that exists.
  static absl::StatusOr<std::unique_ptr<Recorder>> Open(const std::string& path);

  // Any thread. Returns the number of the call, which its end carries again.
  uint64_t Start(const CallStart& start);
  void End(uint64_t id, const CallEnd& end);

 private:
  Recorder() = default;

  std::mutex mutex_;  // guards everything below
  std::ofstream file_;
  uint64_t last_id_ = 0;
};

}  // namespace praefect::minigitaly
