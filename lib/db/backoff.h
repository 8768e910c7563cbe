#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace praefect::db {

// Waits between attempts: doubling from `least` to `most`, each cut by up to a half at random so
// that many who lost the same server do not come back at the same moment.
class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;

  // `seed` 0: from the operating system.
  Backoff(Milliseconds least, Milliseconds most, uint64_t seed)
      : least_(least),
        most_(most),
        next_(least),
        random_(seed != 0 ? seed : std::random_device()()) {}

  Milliseconds Next() {
    const Milliseconds longest = next_;
    next_ = std::min(next_ * 2, most_);
    return Milliseconds(
        std::uniform_int_distribution<int64_t>(longest.count() / 2, longest.count())(random_));
  }
  void Reset() { next_ = least_; }

 private:
  const Milliseconds least_;
  const Milliseconds most_;
  Milliseconds next_;
  std::mt19937_64 random_;
};

}  // namespace praefect::db
