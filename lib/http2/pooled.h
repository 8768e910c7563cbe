#pragma once

// Memory for objects that come and go with every call. A thread keeps that of the last ones for the
// next: calls end in bursts larger than what malloc keeps for a thread, and beyond that it is slow.

#include <cstddef>
#include <new>
#include <utility>

namespace praefect::http2 {

// A base of `Object`, which nothing else is derived from.
template <typename Object>
class Pooled {
 public:
  static void* operator new(size_t size) {
    Pool& pool = Of();
    if (pool.first == nullptr) return ::operator new(size);
    Free* memory = pool.first;
    pool.first = memory->next;
    pool.count--;
    return memory;
  }
  static void operator delete(void* memory) {
    Pool& pool = Of();
    if (pool.count == kKept) return ::operator delete(memory);
    pool.first = new (memory) Free{pool.first};
    pool.count++;
  }

 private:
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static constexpr size_t kKept = 0;  // a sanitizer sees who uses what is gone
#else
  static constexpr size_t kKept = 256;
#endif
  struct Free {
    Free* next;
  };
  struct Pool {
    Free* first = nullptr;
    size_t count = 0;
    ~Pool() {
      while (first != nullptr) ::operator delete(std::exchange(first, first->next));
      count = kKept;  // what is freed after the thread's end is not kept
    }
  };
  static Pool& Of() {
    static thread_local Pool pool;
    return pool;
  }
};

}  // namespace praefect::http2
