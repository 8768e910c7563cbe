#include "relay/poller.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace praefect::bench {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

void Control(int epoll, int operation, int fd, uint32_t events, void* handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = handler;
  epoll_ctl(epoll, operation, fd, &event);
}

}  // namespace

int64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

// Calls at a steady pace have to leave when they are due, not up to 50 us later.
Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) { prctl(PR_SET_TIMERSLACK, 1); }

Poller::~Poller() { close(epoll_); }

void Poller::Add(int fd, Handler& handler) {
  Control(epoll_, EPOLL_CTL_ADD, fd, EPOLLIN, &handler);
}

void Poller::WantWritable(int fd, Handler& handler, bool wanted) {
  Control(epoll_, EPOLL_CTL_MOD, fd, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, &handler);
}

void Poller::Remove(int fd) { Control(epoll_, EPOLL_CTL_DEL, fd, 0, nullptr); }

void Poller::RunOnce(int64_t deadline_ns) {
  const int64_t wait_ns = std::max<int64_t>(0, deadline_ns - NowNs());
  const timespec wait{wait_ns / kNsPerSecond, wait_ns % kNsPerSecond};
  std::array<epoll_event, 64> events;
  const int count = epoll_pwait2(epoll_, events.data(), events.size(),
                                 deadline_ns == kNoDeadline ? nullptr : &wait, nullptr);
  for (int i = 0; i < count; ++i) {
    const uint32_t what = events[i].events;
    const bool failed = (what & (EPOLLERR | EPOLLHUP)) != 0;
    static_cast<Handler*>(events[i].data.ptr)
        ->OnReady(failed || (what & EPOLLIN) != 0, failed || (what & EPOLLOUT) != 0);
  }
}

}  // namespace praefect::bench
