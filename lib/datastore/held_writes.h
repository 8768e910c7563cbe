#pragma once

// The writes that this process recorded and has not settled.

#include <absl/container/flat_hash_map.h>

#include <cstdint>

#include "observe/mutex.h"

namespace praefect::datastore {

// Thread-safe.
class HeldWrites {
 public:
  void Hold(int64_t intent, int64_t repository_id) {
    const observe::MutexLock lock(mutex_);
    if (repositories_.emplace(intent, repository_id).second) ++counts_[repository_id];
  }
  void Release(int64_t intent) {
    const observe::MutexLock lock(mutex_);
    const auto held = repositories_.find(intent);
    if (held == repositories_.end()) return;
    const auto count = counts_.find(held->second);
    if (--count->second == 0) counts_.erase(count);
    repositories_.erase(held);
  }
  bool Holds(int64_t intent) const {
    const observe::MutexLock lock(mutex_);
    return repositories_.contains(intent);
  }
  bool Any(int64_t repository_id) const {
    const observe::MutexLock lock(mutex_);
    return counts_.contains(repository_id);
  }
  size_t size() const {
    const observe::MutexLock lock(mutex_);
    return repositories_.size();
  }

 private:
  mutable observe::Mutex mutex_;
  absl::flat_hash_map<int64_t, int64_t> repositories_ ABSL_GUARDED_BY(mutex_);  // by intent
  absl::flat_hash_map<int64_t, int> counts_ ABSL_GUARDED_BY(mutex_);            // by repository
};

}  // namespace praefect::datastore
