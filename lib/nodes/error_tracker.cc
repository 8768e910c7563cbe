#include "nodes/error_tracker.h"

#include <fmt/format.h>

namespace praefect::nodes {

void ErrorTracker::Observe(std::chrono::milliseconds now, Errors total,
                           const config::ErrorThresholds& thresholds) {
  if (samples_.empty()) samples_.push_back({now, {}});
  while (samples_.size() > 1 && samples_[1].time + thresholds.window <= now) samples_.pop_front();
  const Errors& before = samples_.front().total;
  const uint64_t reads = total.reads - before.reads, writes = total.writes - before.writes;
  const auto reached = [](uint64_t errors, uint32_t threshold) {
    return threshold > 0 && errors >= threshold;
  };
  if (reached(reads, thresholds.read_errors) || reached(writes, thresholds.write_errors)) {
    reached_ = now;
    // Told once: numbers that change all the time would be news all the time.
    if (reason_.empty()) {
      reason_ = fmt::format("{} accessors and {} mutators failed within {} ms", reads, writes,
                            thresholds.window.count());
    }
  } else if (now >= reached_ + thresholds.window) {
    reason_.clear();
  }
  if (now >= samples_.back().time + thresholds.window / kSamplesPerWindow) {
    samples_.push_back({now, total});
  }
}

}  // namespace praefect::nodes
