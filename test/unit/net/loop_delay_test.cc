#include "net/loop_delay.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

namespace praefect::net {
namespace {

TEST_CASE("a loop that was busy reports how late it was") {
  EventLoop loop;
  std::vector<double> late;
  LoopDelay delay(loop, [&](double seconds) {
    late.push_back(seconds);
    if (late.size() == 2) loop.Stop();
  });
  delay.Start();
  // Busy past the first tick.
  Timer busy(loop, [] { std::this_thread::sleep_for(std::chrono::milliseconds(300)); });
  busy.Start(LoopDelay::kTickMs / 2);
  loop.Run();
  CHECK(late.at(0) >= .2);
  CHECK(late.at(1) >= 0);
}

}  // namespace
}  // namespace praefect::net
