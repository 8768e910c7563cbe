#pragma once

// Programs that a test starts, and where they may leave files. Everything is gone when the test is,
// however it ends. Failures of the machinery itself throw: they end the test.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/exposure.h"

namespace praefect::test {

// A new folder in the system's temporary folder, removed with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Files in one go.
void WriteFile(const std::filesystem::path& file, std::string_view content);
std::string ReadFile(const std::filesystem::path& file);

struct Command {
  std::vector<std::string> argv;                   // argv[0] is looked up in PATH
  std::map<std::string, std::string> environment;  // on top of our own; an empty value removes
  std::filesystem::path directory;                 // empty: ours
  std::filesystem::path error_file;                // standard error goes here; empty: with ours
  std::vector<int> descriptors;                    // copies of these are its 3, 4, ...
};

// A program that runs. It has standard output in a pipe, no input, and is killed with this object,
// or when the thread that started it ends.
class Process {
 public:
  explicit Process(const Command& command);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  pid_t pid() const { return pid_; }

  // A line of standard output without its newline. Nothing at the end of the output, or when it
  // takes longer than `longest`.
  std::optional<std::string> ReadLine(
      std::chrono::milliseconds longest = std::chrono::milliseconds(60000));
  // What is left of standard output, to its end.
  std::string ReadRest();

  // Adds to what is kept of a Praefect for the test `secrets`, see exposure.h.
  void Expose(std::string_view what, std::string_view content) { exposure_.Add(what, content); }

  // Does nothing when it has already been waited for.
  void Kill(int signal);
  // The exit status; 128 + N when signal N ended it. May be called again.
  int Wait();
  // The same; nothing when it still runs after `longest`.
  std::optional<int> WaitFor(std::chrono::milliseconds longest);

 private:
  ssize_t ReadSome();

  Exposure exposure_;
  pid_t pid_ = -1;
  int output_ = -1;
  std::string buffer_;  // read and not yet given out
  std::optional<int> exit_status_;
};

struct Outcome {
  int exit_status = 0;
  std::string output;  // standard output
  std::string error;   // standard error
};

// Runs to the end.
Outcome Run(Command command);

// Stock git, away from the configuration of the machine and the user, never asking anything.
// `environment` is added (GIT_SSH_COMMAND, PRAEFECT_ADDRESS, ...).
Outcome Git(const std::vector<std::string>& arguments,
            const std::map<std::string, std::string>& environment = {},
            const std::filesystem::path& directory = {});

void PauseBetweenLooks();

// Waits until `condition` holds, looking often; false when it does not within `longest`.
template <typename Condition>
bool Eventually(Condition condition,
                std::chrono::milliseconds longest = std::chrono::milliseconds(60000)) {
  const auto end = std::chrono::steady_clock::now() + longest;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    PauseBetweenLooks();
  }
  return true;
}

}  // namespace praefect::test
