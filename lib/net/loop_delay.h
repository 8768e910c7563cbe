#pragma once

// How late an event loop is: what a client waits because others keep the thread busy.

#include <chrono>
#include <functional>

#include "net/event_loop.h"

namespace praefect::net {

// For the thread of the loop.
class LoopDelay {
 public:
  static constexpr int64_t kTickMs = 100;
  // Called after each tick with how late it came.
  using Report = std::function<void(double seconds)>;

  LoopDelay(EventLoop& loop, Report report);
  void Start();

 private:
  void Tick();

  const Report report_;
  Timer timer_;
  std::chrono::steady_clock::time_point due_;
};

}  // namespace praefect::net
