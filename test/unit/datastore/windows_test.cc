#include "datastore/windows.h"

#include <catch2/catch.hpp>

namespace praefect::datastore {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("a call is sent within five seconds of its beat and its open, and fed within a minute") {
  const WindowSettings settings;
  const BootTime now = std::chrono::hours(1);
  CHECK(MaySend(settings, now, now - seconds(5), now));
  CHECK_FALSE(MaySend(settings, now, now - seconds(5) - milliseconds(1), now));
  CHECK_FALSE(MaySend(settings, now, now, now - seconds(6)));
  CHECK(MayFeed(settings, now, now - seconds(60)));
  CHECK_FALSE(MayFeed(settings, now, now - seconds(61)));
}

// Instance 1, which beats every second and sees instance 2.
class Watch {
 public:
  std::vector<Beat> See(int64_t count, milliseconds pause = seconds(1)) {
    now += pause;
    return watch.Observe({{1, 100}, {2, count}}, now, now);
  }

  BootTime now = std::chrono::hours(1);
  BeatWatch watch{1, {}};
};

TEST_CASE("a counter that stands still over ten beats is dead") {
  Watch watch;
  for (int beat = 0; beat < 10; ++beat) CHECK(watch.See(5).empty());
  const auto dead = watch.See(5);
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].instance == 2);
  CHECK(dead[0].count == 5);
}

TEST_CASE("one that moves, or beats of ours in one burst, bury nobody") {
  Watch watch;
  for (int beat = 0; beat < 10; ++beat) watch.See(5);
  CHECK(watch.See(6).empty());
  for (int beat = 0; beat < 50; ++beat) CHECK(watch.See(6, milliseconds(10)).empty());
}

TEST_CASE("the clock goes on") { CHECK(NowSinceBoot() > BootTime::zero()); }

}  // namespace
}  // namespace praefect::datastore
