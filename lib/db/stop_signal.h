#pragma once

// Waits with a deadline that another thread can end.

#include <chrono>

namespace praefect::db {

// Waits for `events` (poll's) of `fd`; the events that came, 0 when the deadline passed or
// `stop_fd`
// (-1: none) became readable.
short Poll(int fd, short events, std::chrono::steady_clock::time_point deadline, int stop_fd = -1);

class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void Stop();  // for good
  bool stopped() const;
  int fd() const { return fd_; }  // readable once it is stopped
  // False as soon as somebody stopped it.
  bool Sleep(std::chrono::milliseconds time) const;

 private:
  int fd_;
};

}  // namespace praefect::db
