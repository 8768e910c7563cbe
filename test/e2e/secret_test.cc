// Tokens that nobody gets to read. Every story of a cluster checks the log; these are the places
// where a configuration is shown because it is wrong.

#include <catch2/catch.hpp>

#include "e2e/praefect_daemon.h"

namespace praefect::test {
namespace {

constexpr char kSecret[] = "hunter2";
constexpr int kBrokenConfiguration = 78;

TEST_CASE("A configuration that is refused is quoted without its secrets") {
  const std::string broken = GENERATE(
      "[auth]\ntoken = 'hunter2\n", "[auth]\ntoken = hunter2\n", "[auth]\ntoken = ['hunter2']\n",
      "[auth]\ntoken = 'hunter2'\ntoken = 'hunter2'\n", "auth = 'hunter2'\n",
      "[auth]\ntokne = 'hunter2'\n",
      "[[virtual_storage]]\nname = 'default'\n[[virtual_storage.node]]\ntoken = 'hunter2'\n");
  const TemporaryDirectory directory;
  PraefectDaemon praefect(directory / "praefect", broken);
  INFO(broken);
  CHECK(praefect.WaitExit() == kBrokenConfiguration);
  CHECK_THAT(praefect.output(), !Catch::Contains(kSecret) && Catch::Contains("config"));
}

}  // namespace
}  // namespace praefect::test
