#include "net/loop_delay.h"

#include <algorithm>
#include <utility>

namespace praefect::net {

using std::chrono::steady_clock;

LoopDelay::LoopDelay(EventLoop& loop, Report report)
    : report_(std::move(report)), timer_(loop, [this] { Tick(); }) {}

void LoopDelay::Start() {
  due_ = steady_clock::now() + std::chrono::milliseconds(kTickMs);
  timer_.Start(kTickMs);
}

// The loop's own clock has milliseconds and stands still during a round: a tick may come early.
void LoopDelay::Tick() {
  const std::chrono::duration<double> late = steady_clock::now() - due_;
  report_(std::max(late.count(), 0.));
  Start();
}

}  // namespace praefect::net
