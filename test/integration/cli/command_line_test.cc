// Every spelling that the command line takes, and what it answers to others.

#include <catch2/catch.hpp>
#include <sstream>

#include "praefect_program.h"

namespace praefect::test {
namespace {

const std::string kNoFile = "error reading config file: open no.toml: no such file or directory";

std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

}  // namespace

TEST_CASE("the version is printed before the configuration is looked at") {
  const std::string line =
      GENERATE("-version", "--version", "-v", "-version=true", "-config no.toml -version",
               "-version serve", "serve --version", "-version -config no.toml");
  CHECK(Praefect(Words(line)) == Ending{0, "Praefect, version " PRAEFECT_VERSION "\n", ""});
}

TEST_CASE("the configuration is found in every spelling of its flag") {
  const std::string line =
      GENERATE("-config no.toml", "--config no.toml", "-config=no.toml", "--config=no.toml",
               "-config no.toml serve", "serve -config no.toml", "serve --config=no.toml",
               "-config other.toml -config no.toml", "-config no.toml --",
               "-config no.toml -- serve", "-version=false -config no.toml");
  const auto ending = Praefect(Words(line));
  CHECK(FirstLine(ending.error) == kNoFile);
  CHECK(ending.exit_code == 78);
  CHECK(ending.output.empty());
}

TEST_CASE("PRAEFECT_CONFIG is the default of -config") {
  CHECK(FirstLine(Praefect({"serve"}, "no.toml").error) == kNoFile);
  CHECK(FirstLine(Praefect({"-config", "no.toml"}, "x").error) == kNoFile);
}

TEST_CASE("without a configuration there is nothing to do") {
  const std::string line = GENERATE("", "serve", "-version=false", "--");
  const auto ending = Praefect(Words(line));
  CHECK(ending.exit_code == 2);
  CHECK(FirstLine(ending.error) == "Required flag \"config\" not set");
  CHECK(Mentions(ending.error, "praefect: configuration error: the config flag must be passed"));
}

TEST_CASE("an unknown flag is wrong usage") {
  const auto ending = Praefect({"-bogus"});
  CHECK(ending == Ending{2, "",
                         "flag provided but not defined: -bogus\n"
                         "Run \"praefect help\" for usage.\n"});
  CHECK(FirstLine(Praefect({"--bogus=1", "serve"}).error) ==
        "flag provided but not defined: -bogus");
  CHECK(Praefect({"serve", "-b"}).exit_code == 2);
}

TEST_CASE("an unknown subcommand is wrong usage") {
  const auto ending = Praefect({"-config", "no.toml", "nosuch"});
  CHECK(ending.exit_code == 2);
  CHECK(ending.output.empty());
  CHECK(FirstLine(ending.error) == "praefect: unknown subcommand: \"nosuch\"");
  CHECK(FirstLine(Praefect({"help", "nosuch"}).error) ==
        "praefect: unknown subcommand: \"nosuch\"");
}

TEST_CASE("what was probably meant is named") {
  CHECK(Mentions(Praefect({"-confg", "x"}).error, "Did you mean -config?"));
  CHECK(Mentions(Praefect({"srve"}).error, "Did you mean serve?"));
  CHECK_FALSE(Mentions(Praefect({"-bogus"}).error, "Did you mean"));
}

TEST_CASE("an argument too many or too few is wrong usage") {
  CHECK(Praefect({"serve", "now"}) == Ending{2, "", "serve doesn't accept positional arguments\n"});
  CHECK(FirstLine(Praefect({"-config"}).error) == "flag needs an argument: -config");
  CHECK(FirstLine(Praefect({"-config="}).error) == "flag needs an argument: -config");
  CHECK(Praefect({"-version=perhaps"}).exit_code == 2);
  CHECK(Praefect({"-"}).exit_code == 2);
}

TEST_CASE("help shows usage, commands, flags and an example") {
  const std::string line = GENERATE("-h", "-help", "--help", "help", "help help", "-h -config x");
  const auto ending = Praefect(Words(line));
  CHECK(ending.exit_code == 0);
  CHECK(ending.error.empty());
  for (const char* part : {"Usage: praefect -config FILE [command]\n", "  serve  ", "  help  ",
                           "PRAEFECT_CONFIG", "Example:\n"}) {
    CHECK(Mentions(ending.output, part));
  }
}

TEST_CASE("each command explains itself") {
  const std::string line = GENERATE("help serve", "serve -h", "serve --help", "-help serve");
  const auto ending = Praefect(Words(line));
  CHECK(ending.exit_code == 0);
  for (const char* part : {"Usage: praefect -config FILE serve\n", "graceful_stop_timeout",
                           "Example:\n  praefect -config /etc/praefect/config.toml serve\n"}) {
    CHECK(Mentions(ending.output, part));
  }
}

TEST_CASE("half a command is wrong usage") {
  const auto ending = Praefect({"configuration"});
  CHECK(ending.exit_code == 2);
  CHECK(FirstLine(ending.error) ==
        "praefect: \"configuration\" is not a whole subcommand: configuration show, "
        "configuration validate");
}

TEST_CASE("what could not be printed was not done") {
  const auto ending = Run({{"sh", "-c", PRAEFECT_PROGRAM " help > /dev/full"}, {}, {}, {}});
  CHECK(ending.exit_status == 1);
  CHECK(Mentions(ending.error, "praefect: write standard output: No space left on device"));
}

TEST_CASE("help fits a terminal") {
  const std::string topic = GENERATE("", "serve", "configuration show", "configuration validate");
  std::istringstream lines(Praefect(Words("help " + topic)).output);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 80);
}

}  // namespace praefect::test
