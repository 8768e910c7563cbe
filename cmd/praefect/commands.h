#pragma once

// What a command is, and the table of them. Each one is defined in a file of its own.

#include <cstddef>
#include <span>
#include <string_view>

#include "exit_code.h"

namespace praefect::cmd {

class Invocation;

// A flag, in Go's spelling: "-name value", "-name=value", with one dash or two.
struct Flag {
  std::string_view name;  // without dashes
  // What stands for its value in help. "DURATION" takes Go's durations and no other text, "a|b" one
  // of these words, everything else any text. Empty: a switch, which may be given as -name=false.
  std::string_view value;
  std::string_view fallback;  // what an absent flag amounts to; for a switch "" or "true"
  std::string_view help;      // a phrase or sentences; wrapped where it is shown
  bool required = false;
};

// The words that may follow a command besides flags.
struct Words {
  std::string_view names;  // in help: "[FILE]"
  size_t least = 0;
  size_t most = 0;
};

struct Command {
  std::string_view name;         // one word or two: "configuration validate"
  std::string_view summary;      // half a line, for the list of commands
  std::string_view description;  // wrapped at 80 columns
  std::string_view example;      // as typed, without prompt; may have several lines
  ExitCode (*run)(const Invocation&);
  std::span<const Flag> flags = {};
  Words words = {};
  bool needs_config = true;  // -config or PRAEFECT_CONFIG must be there
};

std::span<const Command* const> Commands();         // in the order of help
const Command* FindCommand(std::string_view name);  // null when there is none

// The flags that stand before or after any command.
std::span<const Flag> GlobalFlags();

}  // namespace praefect::cmd
