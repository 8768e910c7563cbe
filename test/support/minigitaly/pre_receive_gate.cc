#include "pre_receive_gate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

constexpr char kHook[] =
    "#!/bin/sh\n"
    "folder=$(dirname \"$0\")\n"
    "cat >/dev/null\n"
    "echo arrived >\"$folder/arrived\"\n"
    "read released <\"$folder/released\"\n";

constexpr int kLookForStopMilliseconds = 50;

// Opened both ways, so that neither side waits for the other to open.
FileDescriptor MakeFifo(const fs::path& path) {
  if (mkfifo(path.c_str(), 0600) != 0) return FileDescriptor();
  return FileDescriptor(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PreReceiveGate>> PreReceiveGate::Install(Call& call, Git& git) {
  auto gate = std::unique_ptr<PreReceiveGate>(new PreReceiveGate(call));
  if (!call.holds_changes()) return gate;
  const absl::Status prepared = gate->Prepare();
  if (!prepared.ok()) return prepared;
  git.WithConfig("core.hooksPath=" + gate->folder_.string());
  return gate;
}

absl::Status PreReceiveGate::Prepare() {
  std::string pattern = (fs::temp_directory_path() / "minigitaly-hold-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) return absl::ErrnoToStatus(errno, "create " + pattern);
  folder_ = pattern;
  arrived_ = MakeFifo(folder_ / "arrived");
  released_ = MakeFifo(folder_ / "released");
  const fs::path hook = folder_ / "pre-receive";
  std::ofstream(hook) << kHook;
  if (arrived_.get() < 0 || released_.get() < 0 || chmod(hook.c_str(), 0700) != 0) {
    return absl::ErrnoToStatus(errno, "prepare " + pattern);
  }
  thread_ = std::thread([this] { HoldUntilChangeMayHappen(); });
  return absl::OkStatus();
}

PreReceiveGate::~PreReceiveGate() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  std::error_code error;
  if (!folder_.empty()) fs::remove_all(folder_, error);
}

// A push that is refused before its hook runs ends without ever arriving here.
void PreReceiveGate::HoldUntilChangeMayHappen() {
  pollfd arrival{arrived_.get(), POLLIN, 0};
  while (!stop_ && poll(&arrival, 1, kLookForStopMilliseconds) <= 0) {
  }
  if (stop_) return;
  call_.BeforeChange();
  [[maybe_unused]] ssize_t written = write(released_.get(), "go\n", 3);
}

}  // namespace praefect::minigitaly
