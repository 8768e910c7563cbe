#include "help.h"

#include <fmt/format.h>

namespace praefect::cmd {
namespace {

constexpr std::string_view kFlags =
    "Flags (one dash or two, \"-flag value\" or \"-flag=value\"):\n"
    "  -config FILE   Location of config.toml (default: the environment variable\n"
    "                 PRAEFECT_CONFIG)\n"
    "  -version       Print the version and exit\n"
    "  -help          Print this help and exit\n";

}  // namespace

std::string GeneralHelp() {
  std::string text =
      "Praefect routes Gitaly's gRPC calls to the Gitaly nodes of a cluster.\n"
      "\n"
      "Usage: praefect -config FILE [command]\n"
      "\n"
      "Commands:\n";
  for (const Command& command : Commands()) {
    text += fmt::format("  {:<13}  {}\n", command.name, command.summary);
  }
  text += fmt::format("  {:<13}  {}\n", "help", "Explain a command: praefect help COMMAND");
  text += fmt::format("\n{}\nExample:\n  praefect -config /etc/praefect/config.toml\n", kFlags);
  return text;
}

std::string CommandHelp(const Command& command) {
  return fmt::format(
      "praefect {0}: {1}.\n"
      "\n"
      "Usage: praefect -config FILE {0}\n"
      "\n"
      "{2}\n"
      "\n"
      "{3}"
      "\n"
      "Example:\n"
      "  {4}\n",
      command.name, command.summary, command.description, kFlags, command.example);
}

}  // namespace praefect::cmd
