#include "arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <CLI/CLI.hpp>

#include "config/suggest.h"

namespace praefect::cmd {
namespace {

// CLI11 reads "-config" as "-c onfig": a name of several letters gets its second dash here, and a
// letter alone loses it.
std::string WithGoDashes(const std::string& argument) {
  const auto begin = std::min(argument.find_first_not_of('-'), argument.size());
  const auto end = std::min(argument.find('='), argument.size());
  if (begin == 0 || begin > 2 || begin >= end) return argument;
  if (!std::isalpha(static_cast<unsigned char>(argument[begin]))) return argument;
  return (end - begin == 1 ? "-" : "--") + argument.substr(begin);
}

std::string DidYouMean(const std::string& word, std::vector<std::string> names,
                       std::string_view dash) {
  const std::string closest = config::ClosestName(word, names);
  return closest.empty() ? "" : fmt::format("Did you mean {}{}?\n", dash, closest);
}

constexpr std::string_view kSeeHelp = "Run \"praefect help\" for usage.";

WrongUsage UnknownFlag(const std::string& argument) {
  const auto begin = std::min(argument.find_first_not_of('-'), argument.size());
  const std::string name = argument.substr(begin, argument.find('=') - begin);
  return {fmt::format("flag provided but not defined: -{}\n{}{}", name,
                      DidYouMean(name, {"config", "version", "help"}, "-"), kSeeHelp)};
}

WrongUsage UnknownCommand(const std::string& name) {
  std::vector<std::string> names = {"help"};
  for (const Command& command : Commands()) names.emplace_back(command.name);
  return {fmt::format("praefect: unknown subcommand: \"{}\"\n{}{}", name,
                      DidYouMean(name, names, ""), kSeeHelp)};
}

class Parser {
 public:
  Parser() {
    app_.set_help_flag();  // help is a request like others, not CLI11's exception
    app_.add_option("--config", config_path_)->envname("PRAEFECT_CONFIG")->take_last();
    app_.add_flag("--version,-v", version_);
    app_.add_flag("--help,-h", help_);
    app_.require_subcommand(0, 1);
    app_.allow_extras();
    app_.fallthrough();
    for (const Command& command : Commands()) AddCommand(std::string(command.name));
    AddCommand("help")->add_option("command", topic_);
  }

  Request Run(std::vector<std::string> arguments) {
    // "--" ends Go's flags; what follows can only be a command.
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    if (end != arguments.end()) arguments.erase(end);
    std::transform(arguments.begin(), arguments.end(), arguments.begin(), WithGoDashes);
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    try {
      app_.parse(arguments);
    } catch (const CLI::ArgumentMismatch&) {
      return WrongUsage{fmt::format("flag needs an argument: -config\n{}", kSeeHelp)};
    } catch (const CLI::Error& error) {
      return WrongUsage{fmt::format("praefect: {}\n{}", error.what(), kSeeHelp)};
    }
    return Interpret();
  }

 private:
  CLI::App* AddCommand(const std::string& name) {
    CLI::App* command = app_.add_subcommand(name);
    command->set_help_flag();
    command->fallthrough();
    command->allow_extras();
    return command;
  }

  Request Interpret() const {
    const auto chosen = app_.get_subcommands();
    const std::string name = chosen.empty() ? "serve" : chosen.front()->get_name();
    for (const std::string& extra : app_.remaining(true)) {
      if (extra[0] == '-') return UnknownFlag(extra);
      if (chosen.empty()) return UnknownCommand(extra);
      return WrongUsage{fmt::format("{} doesn't accept positional arguments", name)};
    }
    if (version_) return ShowVersion();
    if (name == "help") return Topic();
    const Command* command = FindCommand(name);
    if (help_) return ShowHelp{chosen.empty() ? nullptr : command};
    return RunCommand{command, config_path_};
  }

  Request Topic() const {
    if (topic_.empty() || topic_ == "help") return ShowHelp();
    const Command* command = FindCommand(topic_);
    return command ? Request(ShowHelp{command}) : Request(UnknownCommand(topic_));
  }

  CLI::App app_;
  std::string config_path_;
  std::string topic_;
  bool version_ = false;
  bool help_ = false;
};

}  // namespace

Request ParseArguments(std::vector<std::string> arguments) {
  return Parser().Run(std::move(arguments));
}

}  // namespace praefect::cmd
