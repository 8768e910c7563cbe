#pragma once

// One event loop for one thread, on libuv: readiness of descriptors, timers, work posted from other
// threads, and a hook at the end of every round, where everything that the round produced is
// written with one system call per connection.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

struct uv_loop_s;
struct uv_async_s;
struct uv_check_s;
struct uv_prepare_s;
struct uv_timer_s;

namespace praefect::net {

class Timer;

// Something to be done once, at the end of the present round.
class RoundEndTask {
 public:
  virtual ~RoundEndTask() = default;
  virtual void AtRoundEnd() = 0;

 private:
  friend class EventLoop;
  bool queued_ = false;
};

// All but Post and Stop are for the thread that runs the loop (or before it runs).
class EventLoop {
 public:
  EventLoop();
  // The loop must have been stopped; watchers and timers must be gone.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void Run();   // until Stop
  void Stop();  // any thread; work posted before it is still done
  // Any thread. Posted work runs in order; what was posted and never ran is dropped with the loop.
  void Post(std::function<void()> work);

  // After Run has ended: destroys what was posted and did not run.
  void DropPosted();

  // Monotonic milliseconds as of the present round.
  int64_t now_ms() const;
  // How often the loop has looked at its descriptors: the number of the present round.
  uint64_t round() const { return round_; }

  // `task` must live until it ran or is forgotten. Queued at most once.
  void QueueRoundEnd(RoundEndTask& task);
  void ForgetRoundEnd(RoundEndTask& task);

  uv_loop_s* uv() { return loop_.get(); }

 private:
  friend class Timer;
  void RunPosted();
  void RunRoundEnd();
  void RunTimers();
  void ArmTimers();
  void Insert(Timer& timer);
  void Remove(Timer& timer);
  void PlaceTimer(size_t at, Timer* timer);
  void SiftUp(size_t at);
  void SiftDown(size_t at);
  static bool Earlier(const Timer& one, const Timer& other);

  std::unique_ptr<uv_loop_s> loop_;
  uv_async_s* wakeup_ = nullptr;
  uv_check_s* after_poll_ = nullptr;
  uv_prepare_s* before_poll_ = nullptr;
  uv_timer_s* uv_timer_ = nullptr;

  uint64_t round_ = 0;
  std::vector<RoundEndTask*> round_end_;
  std::vector<Timer*> timers_;  // binary heap, earliest first; a timer knows its index
  uint64_t started_ = 0;        // how often timers were
  int64_t armed_for_ms_ = -1;   // what uv_timer_ is set to; -1: not set

  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by posted_mutex_
  bool stopping_ = false;                      // guarded by posted_mutex_
};

// Calls back once, `delay_ms` after Start. Stopped by its destructor. A libuv timer of its own for
// every call would have to outlive the call until libuv has closed it; these do not.
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> callback)
      : loop_(loop), callback_(std::move(callback)) {}
  ~Timer() { Stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Again, if it is running. 0: in the next round, after descriptors had their turn.
  void Start(int64_t delay_ms);
  void Stop();
  bool running() const { return index_ != kNotRunning; }

 private:
  friend class EventLoop;
  static constexpr size_t kNotRunning = ~size_t{0};
  EventLoop& loop_;
  std::function<void()> callback_;
  int64_t due_ms_ = 0;
  uint64_t order_ = 0;  // of two that are due at the same time
  size_t index_ = kNotRunning;
};

// Readiness of one descriptor, level-triggered: a callback comes again for as long as there is
// something to do. The descriptor stays the caller's and must outlive the watcher.
class Watcher {
 public:
  using Callback = std::function<void(bool readable, bool writable)>;
  Watcher(EventLoop& loop, int fd, Callback callback);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // An error or hang-up of the descriptor is reported as both.
  void Want(bool readable, bool writable);

 private:
  struct Handle;
  Handle* handle_;  // freed by libuv's close callback
};

}  // namespace praefect::net
