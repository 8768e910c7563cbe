#include "support/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

namespace praefect::test {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLookInterval{10};

[[noreturn]] void Throw(const std::string& attempt) {
  throw std::system_error(errno, std::generic_category(), attempt);
}

std::vector<std::string> Environment(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable = *entry;
    if (changes.count(variable.substr(0, variable.find('='))) == 0) variables.push_back(variable);
  }
  for (const auto& [name, value] : changes) {
    if (!value.empty()) variables.push_back(name + "=" + value);
  }
  return variables;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

struct Prepared {
  std::vector<std::string> variables;
  std::vector<char*> argv;
  std::vector<char*> environment;
  const char* directory;
  int output;
  int error;  // -1: inherited
  std::vector<int> descriptors;
  pid_t parent;
};

// After fork in a process that may have threads: only async-signal-safe calls.
[[noreturn]] void BecomeProgram(Prepared& prepared) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != prepared.parent) _exit(126);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(nothing, STDIN_FILENO);
  dup2(prepared.output, STDOUT_FILENO);
  if (prepared.error >= 0) dup2(prepared.error, STDERR_FILENO);
  constexpr int kFirst = 3, kOutOfTheWay = 100;
  for (int& fd : prepared.descriptors) fd = fcntl(fd, F_DUPFD_CLOEXEC, kOutOfTheWay);
  int next = kFirst;
  for (const int fd : prepared.descriptors) dup2(fd, next++);
  if (prepared.directory != nullptr && chdir(prepared.directory) != 0) _exit(126);
  environ = prepared.environment.data();
  execvp(prepared.argv[0], prepared.argv.data());
  _exit(127);
}

bool RunsPraefect(const Command& command) {
  const auto is_praefect = [](const std::string& argument) {
    return argument.find("/cmd/praefect/praefect") != std::string::npos;  // in the build tree
  };
  return std::any_of(command.argv.begin(), command.argv.end(), is_praefect);
}

int OpenErrorFile(const fs::path& file) {
  if (file.empty()) return -1;
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) Throw("open " + file.string());
  return fd;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (fs::temp_directory_path() / "praefect-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) Throw("create " + pattern);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  // A program that is just dying may still put a file into it.
  for (int attempt = 0; attempt < 10; ++attempt) {
    std::error_code error;
    fs::remove_all(path_, error);
    if (!error) return;
    PauseBetweenLooks();
  }
}

void WriteFile(const fs::path& file, std::string_view content) {
  std::ofstream out(file, std::ios::binary);
  out << content;
  out.close();
  if (!out) Throw("write " + file.string());
}

std::string ReadFile(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

Process::Process(const Command& command)
    : exposure_(RunsPraefect(command), command.directory, command.error_file) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Throw("create a pipe");
  Prepared prepared;
  prepared.variables = Environment(command.environment);
  prepared.argv = Pointers(command.argv);
  prepared.environment = Pointers(prepared.variables);
  prepared.directory = command.directory.empty() ? nullptr : command.directory.c_str();
  prepared.output = ends[1];
  prepared.error = OpenErrorFile(command.error_file);
  prepared.descriptors = command.descriptors;
  prepared.parent = getpid();
  pid_ = fork();
  if (pid_ < 0) Throw("start " + command.argv.at(0));
  if (pid_ == 0) BecomeProgram(prepared);
  close(ends[1]);
  if (prepared.error >= 0) close(prepared.error);
  output_ = ends[0];
}

Process::~Process() {
  Kill(SIGKILL);
  Wait();
  fcntl(output_, F_SETFL, O_NONBLOCK);  // others may still have its other end
  ReadRest();
  close(output_);
}

std::optional<std::string> Process::ReadLine(std::chrono::milliseconds longest) {
  const auto end = std::chrono::steady_clock::now() + longest;
  size_t newline;
  while ((newline = buffer_.find('\n')) == std::string::npos) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd readable{output_, POLLIN, 0};
    if (left.count() <= 0 || poll(&readable, 1, static_cast<int>(left.count())) <= 0) return {};
    if (ReadSome() <= 0) return {};
  }
  std::string line = buffer_.substr(0, newline);
  buffer_.erase(0, newline + 1);
  return line;
}

std::string Process::ReadRest() {
  for (ssize_t count; (count = ReadSome()) > 0 || (count < 0 && errno == EINTR);) {
  }
  return std::exchange(buffer_, {});
}

ssize_t Process::ReadSome() {
  char piece[65536];
  const ssize_t count = read(output_, piece, sizeof piece);
  if (count > 0) {
    buffer_.append(piece, static_cast<size_t>(count));
    exposure_.Printed({piece, static_cast<size_t>(count)});
  }
  return count;
}

void Process::Kill(int signal) {
  if (exit_status_) return;
  exposure_.LookAt(pid_);
  kill(pid_, signal);
}

int Process::Wait() {
  while (!exit_status_) {
    int status = 0;
    if (waitpid(pid_, &status, 0) != pid_) {
      if (errno == EINTR) continue;
      Throw("wait");
    }
    exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return *exit_status_;
}

std::optional<int> Process::WaitFor(std::chrono::milliseconds longest) {
  const auto ended = [this] {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
           info.si_pid == pid_;
  };
  if (!exit_status_ && !Eventually(ended, longest)) return {};
  return Wait();
}

Outcome Run(Command command) {
  const TemporaryDirectory scratch;
  command.error_file = scratch / "stderr";
  Process process(command);
  Outcome outcome;
  outcome.output = process.ReadRest();
  outcome.exit_status = process.Wait();
  outcome.error = ReadFile(command.error_file);
  return outcome;
}

Outcome Git(const std::vector<std::string>& arguments,
            const std::map<std::string, std::string>& environment, const fs::path& directory) {
  Command command;
  command.argv = {"git"};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.directory = directory;
  command.environment = {
      {"HOME", "/nonexistent"},       {"LC_ALL", "C"},
      {"GIT_CONFIG_NOSYSTEM", "1"},   {"GIT_CONFIG_GLOBAL", "/dev/null"},
      {"GIT_TERMINAL_PROMPT", "0"},   {"GIT_SSH_VARIANT", "ssh"},
      {"GIT_AUTHOR_NAME", "Ada"},     {"GIT_AUTHOR_EMAIL", "ada@example.com"},
      {"GIT_COMMITTER_NAME", "Ada"},  {"GIT_COMMITTER_EMAIL", "ada@example.com"},
      {"GIT_CONFIG_COUNT", "1"},      {"GIT_CONFIG_KEY_0", "init.defaultBranch"},
      {"GIT_CONFIG_VALUE_0", "main"},
  };
  for (const auto& [name, value] : environment) command.environment[name] = value;
  return Run(std::move(command));
}

void PauseBetweenLooks() { std::this_thread::sleep_for(kLookInterval); }

}  // namespace praefect::test
