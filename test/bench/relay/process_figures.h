#pragma once

// What processes used, from /proc.

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace praefect::bench {

// The sums over `pids`: a server may consist of several processes. One that is gone ends the
// program (failure.h).
class ProcessFigures {
 public:
  explicit ProcessFigures(std::vector<pid_t> pids) : pids_(std::move(pids)) {}

  // User and system time of all threads, from /proc/PID/stat: in steps of 10 ms.
  int64_t cpu_us() const;
  int64_t resident_bytes() const;
  int64_t peak_resident_bytes() const;

 private:
  const std::vector<pid_t> pids_;
};

}  // namespace praefect::bench
