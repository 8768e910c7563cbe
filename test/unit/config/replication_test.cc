#include <catch2/catch.hpp>

#include "unit/config/loading.h"

namespace praefect::config {
namespace {

std::string ErrorOf(const std::string& line, const std::string& key) {
  return ErrorAt(LoadWithTables("[replication]\n" + line + "\n"), "replication." + key);
}

}  // namespace

TEST_CASE("windows in which a buried instance could still send are refused") {
  CHECK(ErrorOf("", "send_window") == "");
  CHECK(ErrorOf("send_window = '11s'", "send_window") ==
        "send_window (11s) must be shorter than beats_until_burial times beat_interval (10s), that "
        "shorter than feed_window (1m0s), and that shorter than lost_linger (10m0s)");
  CHECK(ErrorOf("send_window = '10s'", "send_window") != "");
  CHECK(ErrorOf("beats_until_burial = 60", "send_window") != "");
  CHECK(ErrorOf("lost_linger = '1m'", "send_window") != "");
  CHECK(ErrorOf("beat_interval = '2s'\nfeed_window = '21s'\nlost_linger = '22s'", "send_window") ==
        "");
}

TEST_CASE("the times of replication are positive") {
  for (const char* key : {"linger", "settle_timeout", "create_wait", "route_timeout", "send_window",
                          "beat_interval"}) {
    CHECK(ErrorOf(std::string(key) + " = '0s'", key) ==
          "not in range: 0s is not greater than or equal to 1ms");
  }
  CHECK(ErrorOf("beats_until_burial = 1", "beats_until_burial") != "");
}

TEST_CASE("the switch of before is refused where it is off, and needless where it is on") {
  const auto off = LoadWithTables("[replication]\nenabled = false\n");
  CHECK_FALSE(off.config);
  CHECK(Mentions(ErrorAt(off, "replication.enabled"), "cannot be switched off"));
  CHECK(Mentions(Printed(off), "remove the key; the books are in"));
  const auto on = LoadWithTables("[replication]\nenabled = true\nlinger = '1s'\n");
  REQUIRE(on.config);
  CHECK(on.config->replication.linger == std::chrono::seconds(1));
  CHECK(WarningAt(on, "replication.enabled") == "has no effect any more: replication is always on");
  CHECK(LoadWithTables("[replication]\nlinger = '1s'\n").warnings.empty());
}

}  // namespace praefect::config
