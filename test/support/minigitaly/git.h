#pragma once

// Runs stock git on a repository, away from the configuration of the machine and the user.

#include <absl/status/statusor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "call.h"
#include "child_process.h"

namespace praefect::minigitaly {

// What one command may print before it counts as failed; streams have no such limit.
inline constexpr size_t kMaxGitOutputBytes = 64 << 20;

struct GitResult {
  int exit_status = 0;
  std::string output;
  std::string error;

  bool ok() const { return exit_status == 0; }
  // Internal with what git said.
  absl::Status AsStatus(std::string_view attempt) const;
};

class Git {
 public:
  // Children are ended when the caller of `call` has gone. `call` is borrowed.
  explicit Git(Call& call) : call_(call) {}

  // Added to what every git gets: configuration ("key=value"), environment ("NAME=value").
  Git& WithConfig(std::string setting);
  Git& WithVariable(std::string variable);

  // Runs to the end. A status only when git could not be run at all or printed too much.
  absl::StatusOr<GitResult> Run(const std::vector<std::string>& arguments,
                                std::string_view input = {});
  // The same in a repository; a non-zero exit is an Internal status. Returns the output.
  absl::StatusOr<std::string> Output(const std::filesystem::path& repository,
                                     std::vector<std::string> arguments,
                                     std::string_view input = {});

  // A git to talk to while it runs. Keep the watch as long as the child.
  struct Running {
    std::unique_ptr<ChildProcess> child;
    std::unique_ptr<CancelWatch> watch;
  };
  absl::StatusOr<Running> Start(const std::vector<std::string>& arguments);

 private:
  Call& call_;
  std::vector<std::string> settings_;
  std::vector<std::string> variables_;
};

// "--git-dir=..." in front of the arguments of a command in a repository.
std::vector<std::string> InRepository(const std::filesystem::path& repository,
                                      std::vector<std::string> arguments);

// `text` without the newlines at its end.
std::string TrimNewlines(std::string text);
// The lines of `text`, without their newlines.
std::vector<std::string> Lines(std::string_view text);

}  // namespace praefect::minigitaly
