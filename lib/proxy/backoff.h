#pragma once

// When a node to which no connection could be made may be tried again.

#include <algorithm>
#include <cstdint>

namespace praefect::proxy {

// The first failure is followed by an attempt at once, as the next call asks for one; then pauses
// double, each with its jitter, so that workers and Praefects do not come back all together.
class Backoff {
 public:
  static constexpr int64_t kFirstMs = 100;
  static constexpr int64_t kLongestMs = 1'000;

  // `chance`: in [0, 1); a pause takes from half to all of its length.
  void Failed(int64_t now_ms, double chance) {
    const int64_t pause = failures_ == 0 ? 0 : std::min(kFirstMs << (failures_ - 1), kLongestMs);
    failures_ = std::min(failures_ + 1, 16);
    until_ms_ = now_ms + pause / 2 + static_cast<int64_t>(static_cast<double>(pause) * chance / 2);
  }
  void Reset() { *this = Backoff(); }
  bool Waits(int64_t now_ms) const { return now_ms < until_ms_; }

 private:
  int failures_ = 0;  // in a row; saturates
  int64_t until_ms_ = 0;
};

}  // namespace praefect::proxy
