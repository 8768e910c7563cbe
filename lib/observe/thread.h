#pragma once

// Threads with names, which `top -H`, `perf` and gdb show.

#include <pthread.h>

#include <thread>
#include <utility>

namespace praefect::observe {

// Linux keeps 15 bytes of a name.
template <size_t kSize, class Work>
std::thread StartThread(const char (&name)[kSize], Work work) {
  static_assert(kSize <= 16);
  return std::thread([name = &name[0], work = std::move(work)]() mutable {
    pthread_setname_np(pthread_self(), name);
    work();
  });
}

}  // namespace praefect::observe
