#include "child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

namespace praefect::minigitaly {
namespace {

struct Pipe {
  FileDescriptor read_end;
  FileDescriptor write_end;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "create a pipe");
  Pipe made;
  made.read_end = FileDescriptor(ends[0]);
  made.write_end = FileDescriptor(ends[1]);
  return made;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Everything below runs after fork in a process with many threads: only async-signal-safe calls.

void KillGroup(int) { kill(0, SIGKILL); }

void CloseAllDescriptors() {
  if (syscall(SYS_close_range, 0U, ~0U, 0U) == 0) return;
  for (int fd = 0; fd < 1024; ++fd) close(fd);
}

void ResetSignals() {
  for (int signal : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD}) {
    ::signal(signal, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void BecomeProgram(const int streams[3], char* const* argv, char* const* environment) {
  for (int stream = 0; stream < 3; ++stream) {
    if (dup2(streams[stream], stream) < 0) _exit(126);
  }
  environ = const_cast<char**>(environment);
  execvp(argv[0], argv);
  static constexpr char kMessage[] = "cannot run the program\n";
  [[maybe_unused]] ssize_t written = write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  _exit(127);
}

// The leader of the group stays between us and the program: the kernel sends it SIGUSR1 when we
// die, and it takes the whole group with it, grandchildren that the kernel would spare included.
[[noreturn]] void LeadGroup(pid_t expected_parent, const int streams[3], char* const* argv,
                            char* const* environment) {
  setpgid(0, 0);
  ResetSignals();
  pid_t program = fork();
  if (program < 0) _exit(126);
  if (program == 0) BecomeProgram(streams, argv, environment);

  signal(SIGUSR1, KillGroup);
  signal(SIGTERM, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGUSR1);
  if (getppid() != expected_parent) KillGroup(0);
  CloseAllDescriptors();

  int status = 0;
  while (waitpid(program, &status, 0) < 0 && errno == EINTR) {
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = other.Release();
  }
  return *this;
}

int FileDescriptor::Release() { return std::exchange(fd_, -1); }

void FileDescriptor::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
  absl::StatusOr<Pipe> input = MakePipe();
  if (!input.ok()) return input.status();
  absl::StatusOr<Pipe> output = MakePipe();
  if (!output.ok()) return output.status();
  absl::StatusOr<Pipe> error = MakePipe();
  if (!error.ok()) return error.status();

  const std::vector<char*> arguments = Pointers(argv);
  const std::vector<char*> variables = Pointers(environment);
  const int streams[3] = {input->read_end.get(), output->write_end.get(), error->write_end.get()};
  const pid_t self = getpid();
  const pid_t leader = fork();
  if (leader < 0) return absl::ErrnoToStatus(errno, "start " + argv[0]);
  if (leader == 0) LeadGroup(self, streams, arguments.data(), variables.data());
  setpgid(leader, leader);  // either side may be first
  return std::unique_ptr<ChildProcess>(new ChildProcess(leader, std::move(input->write_end),
                                                        std::move(output->read_end),
                                                        std::move(error->read_end)));
}

ChildProcess::ChildProcess(pid_t leader, FileDescriptor input, FileDescriptor output,
                           FileDescriptor error)
    : input_(std::move(input)),
      output_(std::move(output)),
      error_(std::move(error)),
      leader_(leader) {}

ChildProcess::~ChildProcess() {
  SignalGroup(SIGKILL);
  if (leader_ != 0) Wait();
}

bool ChildProcess::WriteInput(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(input_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

void ChildProcess::Terminate() { SignalGroup(SIGTERM); }

void ChildProcess::SignalGroup(int signal) {
  std::lock_guard lock(mutex_);
  if (leader_ != 0) kill(-leader_, signal);
}

int ChildProcess::Wait() {
  siginfo_t ended{};
  while (waitid(P_PID, static_cast<id_t>(leader_), &ended, WEXITED | WNOWAIT) < 0 &&
         errno == EINTR) {
  }
  std::lock_guard lock(mutex_);
  int status = 0;
  waitpid(leader_, &status, 0);
  leader_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string ReadSome(int fd, size_t limit) {
  std::string bytes(limit, '\0');
  ssize_t count;
  do {
    count = read(fd, bytes.data(), bytes.size());
  } while (count < 0 && errno == EINTR);
  bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return bytes;
}

}  // namespace praefect::minigitaly
