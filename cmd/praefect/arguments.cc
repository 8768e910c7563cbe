#include "arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>

#include "config/suggest.h"
#include "flag_values.h"

namespace praefect::cmd {
namespace {

constexpr std::string_view kSeeHelp = "Run \"praefect help\" for usage.";

// CLI11 reads "-config" as "-c onfig", so every name gets its second dash.
std::string WithTwoDashes(const std::string& argument) {
  const auto begin = std::min(argument.find_first_not_of('-'), argument.size());
  if (begin == 0 || begin > 2 || begin == argument.size()) return argument;
  if (!std::isalpha(static_cast<unsigned char>(argument[begin]))) return argument;
  return "--" + argument.substr(begin);
}

std::string DidYouMean(const std::string& word, const std::vector<std::string>& names,
                       std::string_view dash) {
  const std::string closest = config::ClosestName(word, names);
  return closest.empty() ? "" : fmt::format("Did you mean {}{}?\n", dash, closest);
}

// `command` may be null.
WrongUsage UnknownFlag(const std::string& argument, const Command* command) {
  const auto begin = std::min(argument.find_first_not_of('-'), argument.size());
  const std::string name = argument.substr(begin, argument.find('=') - begin);
  std::vector<std::string> names;
  for (const Flag& flag : GlobalFlags()) names.emplace_back(flag.name);
  if (command) {
    for (const Flag& flag : command->flags) names.emplace_back(flag.name);
  }
  const bool misplaced = std::find(names.begin(), names.end(), name) != names.end();
  return {fmt::format("flag provided but not defined: -{}\n{}{}", name,
                      misplaced ? fmt::format("It belongs behind {}.\n", command->name)
                                : DidYouMean(name, names, "-"),
                      kSeeHelp)};
}

// The first word of a name of two; else empty.
std::string GroupOf(const Command& command) {
  const auto space = command.name.find(' ');
  return std::string(command.name.substr(0, space == command.name.npos ? 0 : space));
}

// `name` may be the first word of commands of two.
WrongUsage UnknownCommand(const std::string& name) {
  std::vector<std::string> names = {"help"};
  std::vector<std::string_view> group;
  for (const Command* command : Commands()) {
    names.emplace_back(command->name);
    if (GroupOf(*command) == name) group.push_back(command->name);
  }
  if (!group.empty()) {
    return {fmt::format("praefect: \"{}\" is not a whole subcommand: {}\n{}", name,
                        fmt::join(group, ", "), kSeeHelp)};
  }
  return {fmt::format("praefect: unknown subcommand: \"{}\"\n{}{}", name,
                      DidYouMean(name, names, ""), kSeeHelp)};
}

class Parser {
 public:
  Parser() {
    app_.require_subcommand(0, 1);
    Prepare(app_);
    app_.add_option("--config", config_path_)->take_last();
    app_.add_flag("--version,--v", version_);
    app_.add_flag("--help,--h", help_);
    for (const Command* command : Commands()) AddFlags(AddCommand(*command), command->flags);
    Prepare(*app_.add_subcommand("help"));
  }

  Request Run(std::vector<std::string> arguments) {
    // "--" ends Go's flags; what follows can only be a command or its words.
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    if (end != arguments.end()) arguments.erase(end);
    std::transform(arguments.begin(), arguments.end(), arguments.begin(), WithTwoDashes);
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    try {
      app_.parse(arguments);
    } catch (const CLI::ArgumentMismatch& error) {
      const std::string text = error.what();  // "--config: 1 required ..."
      return WrongUsage{fmt::format("flag needs an argument: -{}\n{}",
                                    text.substr(2, text.find(':') - 2), kSeeHelp)};
    } catch (const CLI::Error& error) {
      return WrongUsage{fmt::format("praefect: {}\n{}", error.what(), kSeeHelp)};
    }
    return Interpret();
  }

 private:
  static void Prepare(CLI::App& app) {
    app.set_help_flag();  // help is a request like others, not CLI11's exception
    app.fallthrough();
    app.allow_extras();
  }

  CLI::App* AddGroup(const std::string& name) {
    CLI::App*& group = groups_[name];
    if (!group) {
      group = app_.add_subcommand(name)->require_subcommand(0, 1);
      Prepare(*group);
    }
    return group;
  }

  CLI::App* AddCommand(const Command& command) {
    const std::string group = GroupOf(command);
    const auto begin = group.empty() ? 0 : group.size() + 1;
    CLI::App* parent = group.empty() ? &app_ : AddGroup(group);
    CLI::App* added = parent->add_subcommand(std::string(command.name.substr(begin)));
    Prepare(*added);
    return added;
  }

  static void AddFlags(CLI::App* app, std::span<const Flag> flags) {
    for (const Flag& flag : flags) {
      const std::string name = fmt::format("--{}", flag.name);
      if (flag.value.empty()) {
        app->add_flag(name);
      } else {
        app->add_option(name)->take_last();
      }
    }
  }

  Request Interpret() const {
    const CLI::App* chosen = &app_;
    std::vector<std::string> typed;
    while (!chosen->get_subcommands().empty()) {
      chosen = chosen->get_subcommands().front();
      typed.push_back(chosen->get_name());
    }
    const std::string name = typed.empty() ? "serve" : fmt::format("{}", fmt::join(typed, " "));
    const Command* command = FindCommand(name);
    std::vector<std::string> words = app_.remaining(true);
    for (const std::string& word : words) {
      if (word[0] == '-') return UnknownFlag(word, command);
    }
    if (version_) return ShowVersion();
    if (name == "help") return Topic(fmt::format("{}", fmt::join(words, " ")));
    if (typed.empty() && !words.empty()) return UnknownCommand(words.front());
    if (help_) return ShowHelp{typed.empty() ? nullptr : command};
    if (!command) return UnknownCommand(words.empty() ? name : name + " " + words.front());
    return Call(*command, *chosen, std::move(words));
  }

  static Request Topic(const std::string& topic) {
    if (topic.empty() || topic == "help") return ShowHelp();
    const Command* command = FindCommand(topic);
    return command ? Request(ShowHelp{command}) : Request(UnknownCommand(topic));
  }

  Request Call(const Command& command, const CLI::App& app, std::vector<std::string> words) const {
    std::string refusal = RefuseWords(command, words.size());
    Invocation invocation(command);
    invocation.words = std::move(words);
    invocation.config_path = config_path_;
    const char* fallback = std::getenv("PRAEFECT_CONFIG");
    if (command.needs_config && config_path_.empty() && fallback) {
      invocation.config_path = fallback;
    }
    for (const Flag& flag : command.flags) {
      const auto* option = app.get_option(fmt::format("--{}", flag.name));
      if (option->count() == 0) continue;
      if (refusal.empty()) refusal = RefuseValue(flag, option->results().back());
      invocation.Set(flag.name, option->results().back());
    }
    if (refusal.empty()) refusal = RefuseAbsence(command, invocation);
    if (refusal.empty()) return RunCommand{&command, std::move(invocation)};
    return WrongUsage{std::move(refusal)};
  }

  static std::string RefuseWords(const Command& command, size_t count) {
    const Words& words = command.words;
    if (count >= words.least && count <= words.most) return "";
    if (words.most == 0) return fmt::format("{} doesn't accept positional arguments", command.name);
    return fmt::format("{}: expected {} after it, not {} words", command.name, words.names, count);
  }

  static std::string RefuseAbsence(const Command& command, const Invocation& invocation) {
    if (command.needs_config && invocation.config_path.empty()) {
      return "Required flag \"config\" not set\n"
             "praefect: configuration error: the config flag must be passed "
             "(-config FILE, or the environment variable PRAEFECT_CONFIG)";
    }
    std::vector<std::string_view> missing;
    for (const Flag& flag : command.flags) {
      if (flag.required && !invocation.Has(flag.name)) missing.push_back(flag.name);
    }
    if (missing.empty()) return "";
    return fmt::format("Required flag{} \"{}\" not set\n{}", missing.size() > 1 ? "s" : "",
                       fmt::join(missing, ", "), kSeeHelp);
  }

  CLI::App app_;
  std::map<std::string, CLI::App*> groups_;  // first words of commands of two
  std::string config_path_;
  bool version_ = false;
  bool help_ = false;
};

}  // namespace

Request ParseArguments(std::vector<std::string> arguments) {
  return Parser().Run(std::move(arguments));
}

}  // namespace praefect::cmd
