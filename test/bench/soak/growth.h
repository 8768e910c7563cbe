#pragma once

// Whether the process grows: its memory and descriptors, looked at every second by a thread of its
// own and judged after a warm-up.

#include <sys/types.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "ledger.h"

namespace praefect::bench {

struct ProcessSize {
  double seconds = 0;  // since the beginning
  size_t resident_bytes = 0;
  size_t descriptors = 0;
};

ProcessSize SizeOf(pid_t pid);

// By how much a quantity grew over its samples: the slope through the smallest value of each of
// twenty parts of the time, so that what comes and goes does not count, times the length.
double Growth(const std::vector<double>& samples);

class GrowthWatch {
 public:
  explicit GrowthWatch(pid_t pid);
  ~GrowthWatch() { Stop(); }
  void Stop();
  // After Stop. Fails what grew.
  void Judge(Ledger& ledger) const;
  std::string Summary() const;

 private:
  std::vector<ProcessSize> AfterWarmUp() const;

  const pid_t pid_;
  std::atomic<bool> stop_ = false;
  std::vector<ProcessSize> samples_;  // of the thread until it ended
  std::thread thread_;
};

}  // namespace praefect::bench
