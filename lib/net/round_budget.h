#pragma once

#include <cstdint>

#include "net/event_loop.h"

namespace praefect::net {

// So many of something in each round of a loop: what is costly takes turns with everything else.
// For the thread of the loop.
class RoundBudget {
 public:
  RoundBudget(EventLoop& loop, int per_round) : loop_(loop), per_round_(per_round) {}
  // False: no more in this round.
  bool Take() {
    if (round_ != loop_.round()) {
      round_ = loop_.round();
      left_ = per_round_;
    }
    return left_-- > 0;
  }

 private:
  EventLoop& loop_;
  const int per_round_;
  uint64_t round_ = ~uint64_t{0};
  int left_ = 0;
};

}  // namespace praefect::net
