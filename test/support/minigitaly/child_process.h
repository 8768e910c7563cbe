#pragma once

// A program run as a child, in a process group of its own, with pipes on its three standard
// streams. The whole group dies with this process, also when this process is killed with SIGKILL.

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace praefect::minigitaly {

// Closes what it holds when it goes. -1 holds nothing.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { Close(); }

  int get() const { return fd_; }
  int Release();
  void Close();

 private:
  int fd_ = -1;
};

class ChildProcess {
 public:
  // Looks argv[0] up in the PATH of `environment` ("NAME=value" each), which is all that the child
  // sees. The thread that starts a child must outlive it: the kernel ties "die with the parent" to
  // that thread. A program that cannot be run exits with 127.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& argv, const std::vector<std::string>& environment);

  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();  // kills what still runs and waits for it

  int standard_output() const { return output_.get(); }
  int standard_error() const { return error_.get(); }

  // Blocks while the child does not read. False when it reads no more.
  bool WriteInput(std::string_view bytes);
  void CloseInput() { input_.Close(); }

  // Asks the whole group to end (SIGTERM, so that git removes its lock files). Any thread.
  void Terminate();

  // The exit status; 128 + N when signal N ended it. Once.
  int Wait();

 private:
  ChildProcess(pid_t leader, FileDescriptor input, FileDescriptor output, FileDescriptor error);
  void SignalGroup(int signal);

  FileDescriptor input_;
  const FileDescriptor output_;
  const FileDescriptor error_;

  std::mutex mutex_;  // guards leader_: no signal may follow once its number is free again
  pid_t leader_;      // 0 after it was waited for
};

// Reads up to `limit` bytes. Empty at the end of the stream.
std::string ReadSome(int fd, size_t limit);

}  // namespace praefect::minigitaly
