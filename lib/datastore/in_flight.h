#pragma once

// What is under way and will still call back: who is called waits for it before it goes.

#include <memory>

#include "observe/mutex.h"

namespace praefect::datastore {

class InFlight {
 public:
  // Held by whatever is under way.
  using Token = std::shared_ptr<void>;

  Token Begin() {
    const observe::MutexLock lock(mutex_);
    ++count_;
    return Token(this, [](void* self) { static_cast<InFlight*>(self)->End(); });
  }

  // Until nobody holds a token.
  void Wait() {
    observe::MutexLock lock(mutex_);
    while (count_ > 0) none_.Wait(lock);
  }

 private:
  void End() {
    const observe::MutexLock lock(mutex_);
    if (--count_ == 0) none_.NotifyAll();
  }

  observe::Mutex mutex_;
  observe::Condition none_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace praefect::datastore
