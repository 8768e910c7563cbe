#pragma once

// The command line, in Go's spelling: one or two dashes, "-flag value" or "-flag=value".

#include <string>
#include <variant>
#include <vector>

#include "commands.h"
#include "invocation.h"

namespace praefect::cmd {

struct RunCommand {
  const Command* command = nullptr;
  Invocation invocation;
};

struct ShowHelp {
  const Command* command = nullptr;  // null: help in general
};

struct ShowVersion {};

struct WrongUsage {
  std::string message;  // may have several lines
};

using Request = std::variant<RunCommand, ShowHelp, ShowVersion, WrongUsage>;

// `arguments` without the program's name. Reads the environment.
Request ParseArguments(std::vector<std::string> arguments);

}  // namespace praefect::cmd
