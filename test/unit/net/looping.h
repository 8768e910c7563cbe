#pragma once

// A loop that runs until something holds.

#include <catch2/catch.hpp>
#include <functional>

#include "net/event_loop.h"

namespace praefect::net {

struct Looping {
  // Half a minute at most, which is much more than any story takes; then the test fails.
  void RunUntil(const std::function<bool()>& done) {
    bool late = false;
    Timer limit(loop, [&] { late = true, loop.Stop(); });
    limit.Start(30'000);
    std::function<void()> look = [&] { done() ? loop.Stop() : loop.Post(look); };
    loop.Post(look);
    loop.Run();
    REQUIRE_FALSE(late);
  }
  EventLoop loop;
};

}  // namespace praefect::net
