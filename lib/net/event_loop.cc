#include "net/event_loop.h"

#include <uv.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace praefect::net {
namespace {

// In place of a time that the libuv timer is armed for: timers are run after the descriptors.
constexpr int64_t kAfterDescriptors = 0;

template <typename Handle>
Handle* NewHandle(EventLoop* owner) {
  auto* handle = new Handle{};
  handle->data = owner;
  return handle;
}

template <typename Handle>
void CloseHandle(Handle* handle) {
  uv_close(reinterpret_cast<uv_handle_t*>(handle),
           [](uv_handle_t* closed) { delete reinterpret_cast<Handle*>(closed); });
}

template <typename Handle>
EventLoop& Owner(Handle* handle) {
  return *static_cast<EventLoop*>(handle->data);
}

}  // namespace

EventLoop::EventLoop() : loop_(std::make_unique<uv_loop_t>()) {
  if (uv_loop_init(loop_.get()) != 0) std::abort();  // out of memory or descriptors at start

  wakeup_ = NewHandle<uv_async_t>(this);
  if (uv_async_init(loop_.get(), wakeup_, [](uv_async_t* h) { Owner(h).RunPosted(); }) != 0) {
    std::abort();
  }
  // Timers run before the poll and descriptors after it, so the end of a round is in both places.
  before_poll_ = NewHandle<uv_prepare_t>(this);
  uv_prepare_init(loop_.get(), before_poll_);
  uv_prepare_start(before_poll_, [](uv_prepare_t* h) { Owner(h).RunRoundEnd(); });
  after_poll_ = NewHandle<uv_check_t>(this);
  uv_check_init(loop_.get(), after_poll_);
  uv_check_start(after_poll_, [](uv_check_t* h) {
    EventLoop& loop = Owner(h);
    loop.RunRoundEnd();
    loop.round_++;
    if (loop.armed_for_ms_ == kAfterDescriptors) loop.RunTimers();
  });

  uv_timer_ = NewHandle<uv_timer_t>(this);
  uv_timer_init(loop_.get(), uv_timer_);
}

EventLoop::~EventLoop() {
  CloseHandle(wakeup_);
  CloseHandle(before_poll_);
  CloseHandle(after_poll_);
  CloseHandle(uv_timer_);
  uv_run(loop_.get(), UV_RUN_DEFAULT);  // runs the close callbacks
  uv_loop_close(loop_.get());
}

void EventLoop::Run() { uv_run(loop_.get(), UV_RUN_DEFAULT); }

void EventLoop::Stop() {
  {
    std::lock_guard lock(posted_mutex_);
    stopping_ = true;
  }
  uv_async_send(wakeup_);
}

void EventLoop::Post(std::function<void()> work) {
  bool first;
  {
    std::lock_guard lock(posted_mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (first) uv_async_send(wakeup_);
}

void EventLoop::RunPosted() {
  std::vector<std::function<void()>> work;
  bool stop;
  {
    std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
    stop = std::exchange(stopping_, false);
  }
  for (auto& task : work) task();
  if (stop) uv_stop(loop_.get());
}

void EventLoop::DropPosted() {
  std::vector<std::function<void()>> dropped;
  std::lock_guard lock(posted_mutex_);
  dropped.swap(posted_);
}

int64_t EventLoop::now_ms() const { return static_cast<int64_t>(uv_now(loop_.get())); }

void EventLoop::QueueRoundEnd(RoundEndTask& task) {
  if (task.queued_) return;
  task.queued_ = true;
  round_end_.push_back(&task);
}

void EventLoop::ForgetRoundEnd(RoundEndTask& task) {
  if (!task.queued_) return;
  task.queued_ = false;
  // Not erased: RunRoundEnd may be walking the list.
  std::replace(round_end_.begin(), round_end_.end(), &task, static_cast<RoundEndTask*>(nullptr));
}

void EventLoop::RunRoundEnd() {
  for (size_t i = 0; i < round_end_.size(); i++) {  // grows while it is walked
    RoundEndTask* task = round_end_[i];
    if (task == nullptr) continue;
    task->queued_ = false;
    round_end_[i] = nullptr;
    task->AtRoundEnd();
  }
  round_end_.clear();
}

// ---- timers ---------------------------------------------------------------------------------

bool EventLoop::Earlier(const Timer& one, const Timer& other) {
  return one.due_ms_ < other.due_ms_ || (one.due_ms_ == other.due_ms_ && one.order_ < other.order_);
}

void EventLoop::PlaceTimer(size_t at, Timer* timer) {
  timers_[at] = timer;
  timer->index_ = at;
}

void EventLoop::SiftUp(size_t at) {
  Timer* timer = timers_[at];
  while (at > 0 && Earlier(*timer, *timers_[(at - 1) / 2])) {
    PlaceTimer(at, timers_[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  PlaceTimer(at, timer);
}

void EventLoop::SiftDown(size_t at) {
  Timer* timer = timers_[at];
  for (size_t child = 2 * at + 1; child < timers_.size(); child = 2 * at + 1) {
    if (child + 1 < timers_.size() && Earlier(*timers_[child + 1], *timers_[child])) child++;
    if (Earlier(*timer, *timers_[child])) break;
    PlaceTimer(at, timers_[child]);
    at = child;
  }
  PlaceTimer(at, timer);
}

void EventLoop::Insert(Timer& timer) {
  timers_.push_back(&timer);
  SiftUp(timers_.size() - 1);
  if (timer.index_ == 0) ArmTimers();
}

// The libuv timer stays armed: it finds nothing due and is armed for the next one then.
void EventLoop::Remove(Timer& timer) {
  size_t at = timer.index_;
  Timer* last = timers_.back();
  timers_.pop_back();
  timer.index_ = Timer::kNotRunning;
  if (last == &timer) return;
  PlaceTimer(at, last);
  SiftDown(at);
  SiftUp(last->index_);
}

void Timer::Start(int64_t delay_ms) {
  Stop();
  due_ms_ = loop_.now_ms() + std::max<int64_t>(delay_ms, 0);
  order_ = loop_.started_++;
  loop_.Insert(*this);
}

void Timer::Stop() {
  if (running()) loop_.Remove(*this);
}

void EventLoop::ArmTimers() {
  if (timers_.empty()) return;
  int64_t due = timers_.front()->due_ms_;
  if (armed_for_ms_ >= 0 && armed_for_ms_ <= due) return;
  armed_for_ms_ = due;
  int64_t delay = std::max<int64_t>(due - now_ms(), 0);
  uv_timer_start(
      uv_timer_, [](uv_timer_t* h) { Owner(h).RunTimers(); }, static_cast<uint64_t>(delay), 0);
}

// libuv would run a timer that is armed for now meanwhile at once, and again and again.
void EventLoop::RunTimers() {
  armed_for_ms_ = kAfterDescriptors;
  const int64_t now = now_ms();
  const uint64_t first_new = started_;
  while (!timers_.empty() && timers_.front()->due_ms_ <= now) {
    Timer* timer = timers_.front();
    // Started by one of the others, or by itself: it takes its turn after the descriptors.
    if (timer->order_ >= first_new) {
      uv_async_send(wakeup_);
      return;
    }
    timer->Stop();
    auto callback = timer->callback_;  // a copy: it may destroy the timer, and itself with it
    callback();
  }
  armed_for_ms_ = -1;
  ArmTimers();
}

// ---- watchers -------------------------------------------------------------------------------

struct Watcher::Handle {
  uv_poll_t poll;
  Callback callback;
  int wanted = 0;

  // The owner may destroy the watcher inside; the handle itself lives until its close callback.
  static void OnEvent(uv_poll_t* poll, int status, int events) {
    auto* handle = static_cast<Handle*>(poll->data);
    bool failed = status < 0;
    // libuv stops watching a descriptor with an error, though there may be bytes to read before it.
    if (failed) uv_poll_start(poll, handle->wanted, OnEvent);
    handle->callback(failed || (events & UV_READABLE) != 0, failed || (events & UV_WRITABLE) != 0);
  }
};

Watcher::Watcher(EventLoop& loop, int fd, Callback callback) : handle_(new Handle{}) {
  handle_->callback = std::move(callback);
  handle_->poll.data = handle_;
  if (uv_poll_init(loop.uv(), &handle_->poll, fd) != 0) std::abort();  // fd is not pollable
}

Watcher::~Watcher() {
  uv_poll_stop(&handle_->poll);
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll),
           [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
}

void Watcher::Want(bool readable, bool writable) {
  int wanted = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (wanted == handle_->wanted) return;
  handle_->wanted = wanted;
  if (wanted == 0) {
    uv_poll_stop(&handle_->poll);
    return;
  }
  uv_poll_start(&handle_->poll, wanted, Handle::OnEvent);
}

}  // namespace praefect::net
