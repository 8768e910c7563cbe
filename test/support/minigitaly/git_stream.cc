#include "git_stream.h"

#include <thread>

namespace praefect::minigitaly {
namespace {

void PumpInput(ChildProcess& child, const GitStream& stream) {
  for (auto piece = stream.input(); piece; piece = stream.input()) {
    if (!child.WriteInput(*piece)) break;
  }
  child.CloseInput();
}

void PumpOutput(ChildProcess& child, int fd, const std::function<bool(std::string_view)>& send) {
  for (std::string piece = ReadSome(fd, kStreamChunkBytes); !piece.empty();
       piece = ReadSome(fd, kStreamChunkBytes)) {
    if (send(piece)) continue;
    child.Terminate();
    break;
  }
}

}  // namespace

absl::StatusOr<int> RunGitStream(Call& call, Git& git, const std::vector<std::string>& arguments,
                                 const GitStream& stream) {
  absl::StatusOr<Git::Running> running = git.Start(arguments);
  if (!running.ok()) return running.status();
  ChildProcess& child = *running->child;
  std::thread input([&] { PumpInput(child, stream); });
  std::thread errors([&] { PumpOutput(child, child.standard_error(), stream.error); });
  PumpOutput(child, child.standard_output(), stream.output);
  errors.join();
  const int exit_status = child.Wait();
  call.StopReading();
  input.join();
  if (call.cancelled()) return absl::CancelledError("the caller has gone");
  return exit_status;
}

}  // namespace praefect::minigitaly
