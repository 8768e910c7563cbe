#include "help.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "output.h"

namespace praefect::cmd {
namespace {

std::string Spelled(const Flag& flag) {
  return fmt::format("-{}{}{}", flag.name, flag.value.empty() ? "" : " ", flag.value);
}

std::string Explained(const Flag& flag) {
  std::string text(flag.help);
  if (flag.required) text += " (required)";
  if (!flag.fallback.empty()) text += fmt::format(" (default: {})", flag.fallback);
  return text;
}

std::string Explain(std::span<const Flag> flags) {
  size_t width = 0;
  for (const Flag& flag : flags) width = std::max(width, Spelled(flag).size());
  std::string text;
  for (const Flag& flag : flags) {
    text +=
        fmt::format("  {:<{}}  {}\n", Spelled(flag), width, Wrapped(Explained(flag), width + 4));
  }
  return text;
}

std::string ExplainGlobalFlags() {
  return fmt::format("Flags (one dash or two, \"-flag value\" or \"-flag=value\"):\n{}",
                     Explain(GlobalFlags()));
}

std::string Usage(const Command& command) {
  return fmt::format("Usage: praefect {}{}{}{}{}\n", command.needs_config ? "-config FILE " : "",
                     command.name, command.flags.empty() ? "" : " [flags]",
                     command.words.names.empty() ? "" : " ", command.words.names);
}

// Examples may have several lines.
std::string Indented(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string result;
  for (std::string line; std::getline(lines, line);) result += "  " + line + "\n";
  return result;
}

}  // namespace

std::string GeneralHelp() {
  std::string text =
      "Praefect routes Gitaly's gRPC calls to the Gitaly nodes of a cluster.\n"
      "\n"
      "Usage: praefect -config FILE [command]\n"
      "\n"
      "Commands:\n";
  size_t width = 0;
  for (const Command* command : Commands()) width = std::max(width, command->name.size());
  const auto add = [&](std::string_view name, std::string_view summary) {
    text += fmt::format("  {:<{}}  {}\n", name, width, Wrapped(std::string(summary), width + 4));
  };
  for (const Command* command : Commands()) add(command->name, command->summary);
  add("help", "Explain a command: praefect help COMMAND");
  text += fmt::format("\n{}\nExample:\n  praefect -config /etc/praefect/config.toml\n",
                      ExplainGlobalFlags());
  return text;
}

std::string CommandHelp(const Command& command) {
  const std::string flags = command.flags.empty() ? ""
                                                  : fmt::format("Flags of {}:\n{}\n", command.name,
                                                                Explain(command.flags));
  return fmt::format(
      "praefect {}: {}.\n"
      "\n"
      "{}"
      "\n"
      "{}\n"
      "\n"
      "{}{}"
      "\n"
      "Example:\n"
      "{}",
      command.name, command.summary, Usage(command), command.description, flags,
      ExplainGlobalFlags(), Indented(command.example));
}

}  // namespace praefect::cmd
