#pragma once

// std::mutex and std::condition_variable with clang's thread-safety attributes (-Wthread-safety;
// the fuzz preset builds with clang). Other compilers see plain classes.

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define PRAEFECT_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define PRAEFECT_THREAD_ATTRIBUTE(x)
#endif

#define GUARDED_BY(x) PRAEFECT_THREAD_ATTRIBUTE(guarded_by(x))
#define REQUIRES(...) PRAEFECT_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) PRAEFECT_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace praefect::observe {

class PRAEFECT_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

// Holds the mutex from construction to destruction.
class PRAEFECT_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) PRAEFECT_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : lock_(mutex.mutex_) {}
  ~MutexLock() PRAEFECT_THREAD_ATTRIBUTE(release_capability()) {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  friend class Condition;
  std::unique_lock<std::mutex> lock_;
};

// A condition variable; waits wake up without cause, so callers loop over what they wait for.
class Condition {
 public:
  void Wait(MutexLock& lock) { condition_.wait(lock.lock_); }
  // False when the deadline passed.
  bool WaitUntil(MutexLock& lock, std::chrono::steady_clock::time_point deadline) {
    return condition_.wait_until(lock.lock_, deadline) == std::cv_status::no_timeout;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace praefect::observe
