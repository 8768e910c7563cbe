#pragma once

// The table of subcommands.

#include <span>
#include <string>
#include <string_view>

#include "exit_code.h"

namespace praefect::cmd {

struct Command {
  std::string_view name;
  std::string_view summary;      // half a line, for the list of commands
  std::string_view description;  // wrapped at 80 columns
  std::string_view example;      // as typed, without prompt
  ExitCode (*run)(const std::string& config_path);
};

std::span<const Command> Commands();
const Command* FindCommand(std::string_view name);  // null when there is none

}  // namespace praefect::cmd
