#pragma once

// Reaches a worker from threads that may outlive it: those of the database and the bookkeeper.

#include <functional>
#include <mutex>
#include <thread>

#include "net/event_loop.h"

namespace praefect::proxy {

class Mailbox {
 public:
  explicit Mailbox(net::EventLoop& loop) : loop_(&loop) {}

  // On the worker's thread, before anything is posted.
  void Open() { owner_ = std::this_thread::get_id(); }
  // Runs `work` on the worker's thread: at once when that is the caller, else posted. Work for a
  // worker that is gone, or that stops before its turn, is destroyed.
  void Run(std::function<void()> work) {
    if (std::this_thread::get_id() == owner_) return work();
    std::lock_guard lock(mutex_);
    if (loop_ != nullptr) loop_->Post(std::move(work));
  }
  // The loop is about to go.
  void Close() {
    std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }

 private:
  std::thread::id owner_;
  std::mutex mutex_;
  net::EventLoop* loop_;  // guarded by mutex_
};

}  // namespace praefect::proxy
