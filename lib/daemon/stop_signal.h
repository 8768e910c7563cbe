#pragma once

// When stopping begins and when it must end. Thread-safe.

#include <chrono>

#include "observe/mutex.h"

namespace praefect::daemon {

class StopSignal {
 public:
  void Request() {
    observe::MutexLock lock(mutex_);
    requested_ = true;
    changed_.NotifyAll();
  }
  void Now() {
    observe::MutexLock lock(mutex_);
    requested_ = now_ = true;
    changed_.NotifyAll();
  }
  void WaitForRequest() {
    observe::MutexLock lock(mutex_);
    while (!requested_) changed_.Wait(lock);
  }
  // The same until `deadline`; tells whether it was requested.
  bool WaitForRequest(std::chrono::steady_clock::time_point deadline) {
    observe::MutexLock lock(mutex_);
    while (!requested_ && changed_.WaitUntil(lock, deadline)) {
    }
    return requested_;
  }
  // Until stopping must end, or `deadline`; tells whether it must end.
  bool WaitForNow(std::chrono::steady_clock::time_point deadline) {
    observe::MutexLock lock(mutex_);
    while (!now_ && changed_.WaitUntil(lock, deadline)) {
    }
    return now_;
  }
  bool requested() const {
    observe::MutexLock lock(mutex_);
    return requested_;
  }
  bool now() const {
    observe::MutexLock lock(mutex_);
    return now_;
  }

 private:
  mutable observe::Mutex mutex_;
  observe::Condition changed_;
  bool requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool now_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace praefect::daemon
