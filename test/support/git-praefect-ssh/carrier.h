#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "command_line.h"

namespace praefect::git_ssh {

struct Destination {
  std::string address;  // tcp://HOST:PORT, tls://HOST:PORT or unix:PATH
  std::string token;    // empty: none is sent
  std::string storage;
  std::string git_protocol;  // as git puts it into GIT_PROTOCOL
};

// Carries standard input, output and error until the other side ends, waiting whenever either side
// does. Returns the exit status of the git over there; an error in words when the call failed. A
// thread may still wait for standard input afterwards.
absl::StatusOr<int> CarryGit(const CommandLine& command, const Destination& destination);

}  // namespace praefect::git_ssh
