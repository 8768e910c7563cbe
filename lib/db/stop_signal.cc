#include "db/stop_signal.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <system_error>

namespace praefect::db {
namespace {

using Clock = std::chrono::steady_clock;

// Rounded up: a wait that ends early would only be begun again.
int MillisecondsUntil(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

}  // namespace

short Poll(int fd, short events, Clock::time_point deadline, int stop_fd) {
  for (;;) {
    pollfd polled[] = {{fd, events, 0}, {stop_fd, POLLIN, 0}};
    const int count = poll(polled, 2, MillisecondsUntil(deadline));
    if (count < 0 && errno != EINTR) return POLLERR;
    if (count > 0 || Clock::now() >= deadline) return polled[0].revents;
  }
}

StopSignal::StopSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

StopSignal::~StopSignal() { close(fd_); }

void StopSignal::Stop() { eventfd_write(fd_, 1); }

bool StopSignal::stopped() const { return Poll(fd_, POLLIN, {}) != 0; }

bool StopSignal::Sleep(std::chrono::milliseconds time) const {
  return Poll(fd_, POLLIN, Clock::now() + time) == 0;
}

}  // namespace praefect::db
