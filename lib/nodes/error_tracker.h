#pragma once

// Whether a node fails too many calls although it answers probes. Without a clock.

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

#include "config/config.h"

namespace praefect::nodes {

// Calls that fail are counted within a sliding window. At a threshold the node is degraded, until a
// whole window has passed without reaching one. That takes no probe and no trial: a node that gets
// no calls fails none, is given some again a window later, and is degraded anew if they fail too.
class ErrorTracker {
 public:
  struct Errors {
    uint64_t reads = 0, writes = 0;
  };

  // To be called often within a window. `total`: since the node is known, as this tracker is; never
  // less than before.
  void Observe(std::chrono::milliseconds now, Errors total,
               const config::ErrorThresholds& thresholds);

  bool degraded() const { return !reason_.empty(); }
  // "12 accessors and 130 mutators failed within 10000 ms"; empty when it is not degraded.
  const std::string& reason() const { return reason_; }

 private:
  static constexpr int kSamplesPerWindow = 20;
  struct Sample {
    std::chrono::milliseconds time;
    Errors total;
  };
  std::deque<Sample> samples_;            // the first one is the last that is as old as the window
  std::chrono::milliseconds reached_{0};  // when a threshold was, last
  std::string reason_;
};

}  // namespace praefect::nodes
