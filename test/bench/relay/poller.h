#pragma once

// Waits for descriptors, with epoll. One thread.

#include <array>
#include <cstdint>

namespace praefect::bench {

int64_t NowNs();  // monotonic

class Poller {
 public:
  class Handler {
   public:
    virtual void OnReady(bool readable, bool writable) = 0;

   protected:
    ~Handler() = default;
  };

  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Level-triggered; an error of the descriptor counts as both. A handler must not be destroyed
  // inside the round that calls it or another one.
  void Add(int fd, Handler& handler);
  void WantWritable(int fd, Handler& handler, bool wanted);
  void Remove(int fd);
  static constexpr int64_t kNoDeadline = INT64_MAX;
  // Returns after something was ready, or at `deadline_ns`.
  void RunOnce(int64_t deadline_ns);

 private:
  const int epoll_;
};

}  // namespace praefect::bench
