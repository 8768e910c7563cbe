#pragma once

// Holds a push between the arrival of its objects and the update of references, in a pre-receive
// hook, until Call::BeforeChange returns: that is where Gitaly asks for permission, and where a
// node that freezes does the most harm.

#include <atomic>
#include <filesystem>
#include <thread>

#include "call.h"
#include "git.h"

namespace praefect::minigitaly {

class PreReceiveGate {
 public:
  // Does nothing for a call that does not hold its changes. Borrows `call`.
  static absl::StatusOr<std::unique_ptr<PreReceiveGate>> Install(Call& call, Git& git);

  PreReceiveGate(const PreReceiveGate&) = delete;
  PreReceiveGate& operator=(const PreReceiveGate&) = delete;
  ~PreReceiveGate();

 private:
  explicit PreReceiveGate(Call& call) : call_(call) {}
  absl::Status Prepare();
  void HoldUntilChangeMayHappen();

  Call& call_;
  std::filesystem::path folder_;  // empty when nothing is held
  FileDescriptor arrived_;        // the hook writes a line
  FileDescriptor released_;       // the hook reads a line
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace praefect::minigitaly
