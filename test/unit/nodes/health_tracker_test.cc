#include "nodes/health_tracker.h"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

namespace praefect::nodes {
namespace {

// '+' is a good probe, '-' a failed one. The answer has the health after each: '?', 'U' or 'D'.
std::string HealthAfter(std::string_view probes) {
  HealthTracker tracker;
  std::string health;
  for (const char probe : probes) {
    switch (tracker.Observe(probe == '+')) {
      case Health::kUnknown:
        health += '?';
        break;
      case Health::kUp:
        health += 'U';
        break;
      case Health::kDown:
        health += 'D';
        break;
    }
  }
  return health;
}

TEST_CASE("nothing is known before the first probe") {
  CHECK(HealthTracker().health() == Health::kUnknown);
}

TEST_CASE("health after rows of probes") {
  CHECK(HealthAfter("+") == "U");
  CHECK(HealthAfter("-") == "?");
  CHECK(HealthAfter("--") == "?D");
  CHECK(HealthAfter("-+") == "?U");
  CHECK(HealthAfter("+-+-+-") == "UUUUUU");
  CHECK(HealthAfter("+--") == "UUD");
  CHECK(HealthAfter("+--+") == "UUDD");
  CHECK(HealthAfter("+--++") == "UUDDU");
  CHECK(HealthAfter("--+-+-++") == "?DDDDDDU");
  CHECK(HealthAfter("--++-+--") == "?DDUUUUD");
}

}  // namespace
}  // namespace praefect::nodes
