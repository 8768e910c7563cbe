// Every kind of flag and word that a command may take, in the spellings of Go.

#include <catch2/catch.hpp>
#include <sstream>

#include "arguments.h"
#include "help.h"

namespace praefect::cmd {
namespace {

ExitCode Nothing(const Invocation&) { return kDone; }

constexpr Flag kBrewFlags[] = {
    {"timeout", "DURATION", "10s", "How long to wait"},
    {"o", "text|json", "text", "How to print"},
    {"storage", "NAME", "", "Which storage; several lines of help are wrapped at column eighty"},
    {"verbose", "", "", "Say more"},
    {"ignore-unknown", "", "true", "Say less"},
};
constexpr Flag kStrictFlags[] = {
    {"storage", "NAME", "", "Which storage", true},
    {"path", "PATH", "", "Which path", true},
};
const Command kServe = {"serve", "Serve", "Serves.", "praefect", &Nothing};
const Command kBrew = {"tea brew", "Brew tea", "Brews.",        "praefect tea brew",
                       &Nothing,   kBrewFlags, {"COUNT", 1, 1}, false};
const Command kDrink = {"tea drink", "Drink tea", "Drinks.", "praefect tea drink", &Nothing};
const Command kStrict = {"strict", "Be strict", "Is.", "praefect strict", &Nothing, kStrictFlags};
constexpr const Command* kCommands[] = {&kServe, &kBrew, &kDrink, &kStrict};

Request Parse(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return ParseArguments(words);
}

Invocation Call(const std::string& line) {
  const Request request = Parse(line);
  const auto* wrong = std::get_if<WrongUsage>(&request);
  INFO(line << ": " << (wrong ? wrong->message : ""));
  REQUIRE(std::holds_alternative<RunCommand>(request));
  return std::get<RunCommand>(request).invocation;
}

std::string Refusal(const std::string& line) {
  const Request request = Parse(line);
  INFO(line);
  REQUIRE(std::holds_alternative<WrongUsage>(request));
  const std::string& message = std::get<WrongUsage>(request).message;
  return message.substr(0, message.find("\nRun \"praefect help\""));
}

}  // namespace

std::span<const Command* const> Commands() { return kCommands; }

const Command* FindCommand(std::string_view name) {
  for (const Command* command : kCommands) {
    if (command->name == name) return command;
  }
  return nullptr;
}

std::span<const Flag> GlobalFlags() {
  static constexpr Flag kFlags[] = {{"config", "FILE", "", "The file"}};
  return kFlags;
}

TEST_CASE("flags that are not given have their fallback") {
  const auto call = Call("tea brew 3");
  CHECK(call.Duration("timeout") == std::chrono::seconds(10));
  CHECK(call.Text("o") == "text");
  CHECK(call.Text("storage").empty());
  CHECK_FALSE(call.Switch("verbose"));
  CHECK(call.Switch("ignore-unknown"));
  CHECK_FALSE(call.Has("timeout"));
}

TEST_CASE("a flag is found in every spelling and place") {
  const std::string line = GENERATE(
      "tea brew -timeout 1h30m -storage s -o json -verbose 3",
      "tea brew 3 --timeout=1h30m --storage=s --o=json --verbose",
      "tea brew -timeout 1s -o text 3 -timeout=1h30m -o=json -storage s -verbose=true",
      "-config c tea -config x brew 3 -timeout 1h30m -storage s -o json -verbose -config c");
  const auto call = Call(line);
  CHECK(call.Has("timeout"));
  CHECK(call.Duration("timeout") == std::chrono::minutes(90));
  CHECK(call.Text("storage") == "s");
  CHECK(call.Text("o") == "json");
  CHECK(call.Switch("verbose"));
  CHECK(call.words == std::vector<std::string>{"3"});
}

TEST_CASE("a switch can be turned off") {
  CHECK_FALSE(Call("tea brew 3 -ignore-unknown=false").Switch("ignore-unknown"));
  CHECK_FALSE(Call("tea brew 3 -verbose -verbose=false").Switch("verbose"));
}

TEST_CASE("a value that begins with a dash is a value") {
  CHECK(Call("tea brew 3 -storage -1").Text("storage") == "-1");
  CHECK(Call("tea brew 3 -storage=--x").Text("storage") == "--x");
}

TEST_CASE("a value that does not fit its flag is refused") {
  CHECK(Refusal("tea brew 3 -timeout soon") ==
        "invalid value \"soon\" for flag -timeout: write a time with a unit, for instance 10s or "
        "1h30m");
  CHECK(Refusal("tea brew 3 -timeout 10").find("invalid value \"10\" for flag -timeout") == 0);
  CHECK(Refusal("tea brew 3 -timeout -1s").find("invalid value \"-1s\"") == 0);
  CHECK(Refusal("tea brew 3 -o xml") ==
        "invalid value \"xml\" for flag -o: write one of text|json");
  CHECK(Refusal("tea brew 3 -o text|json").find("invalid value") == 0);
  CHECK(Refusal("tea brew 3 -verbose=perhaps").find("invalid value \"perhaps\"") == 0);
  CHECK(Refusal("tea brew 3 -storage") == "flag needs an argument: -storage");
}

TEST_CASE("an unknown flag is measured against those of its command") {
  CHECK(Refusal("tea brew 3 -timout 1s") ==
        "flag provided but not defined: -timout\nDid you mean -timeout?");
  CHECK(Refusal("strict -timeout 1s") == "flag provided but not defined: -timeout");
  CHECK(Refusal("-timeout 1s tea brew 3") ==
        "flag provided but not defined: -timeout\nIt belongs behind tea brew.");
  CHECK(Refusal("tea brew 3 -confg x") ==
        "flag provided but not defined: -confg\nDid you mean -config?");
}

TEST_CASE("flags that a command requires are named") {
  CHECK(Refusal("strict -config c -path p") == "Required flag \"storage\" not set");
  CHECK(Refusal("strict -config c") == "Required flags \"storage, path\" not set");
  CHECK(Refusal("strict -path p -storage s").find("Required flag \"config\" not set") == 0);
}

TEST_CASE("words are counted") {
  CHECK(Refusal("tea brew") == "tea brew: expected COUNT after it, not 0 words");
  CHECK(Refusal("tea brew 1 2") == "tea brew: expected COUNT after it, not 2 words");
  CHECK(Refusal("strict now") == "strict doesn't accept positional arguments");
  CHECK(Call("tea brew tea").words == std::vector<std::string>{"tea"});
}

TEST_CASE("half a name is no command") {
  CHECK(Refusal("tea") == "praefect: \"tea\" is not a whole subcommand: tea brew, tea drink");
  CHECK(Refusal("help tea") == Refusal("tea"));
  CHECK(Refusal("tea bre") == "praefect: unknown subcommand: \"tea bre\"\nDid you mean tea brew?");
  CHECK(std::get<ShowHelp>(Parse("tea -help")).command == nullptr);
  CHECK(std::get<ShowHelp>(Parse("tea brew -help")).command == &kBrew);
  CHECK(std::get<ShowHelp>(Parse("help tea brew")).command == &kBrew);
}

TEST_CASE("help explains flags, fallbacks and words") {
  const std::string help = CommandHelp(kBrew);
  CHECK(help.find("Usage: praefect tea brew [flags] COUNT\n") != help.npos);
  CHECK(help.find("  -timeout DURATION  How long to wait (default: 10s)\n") != help.npos);
  CHECK(
      help.find("  -storage NAME      Which storage; several lines of help are wrapped at column\n"
                "                     eighty\n") != help.npos);
  const std::string strict = CommandHelp(kStrict);
  CHECK(strict.find("Usage: praefect -config FILE strict [flags]\n") != strict.npos);
  CHECK(strict.find("  -path PATH     Which path (required)\n") != strict.npos);
}

}  // namespace praefect::cmd
