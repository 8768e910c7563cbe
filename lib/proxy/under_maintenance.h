#pragma once

// Which replicas are tidied at the moment by calls that pass through this process, or that it makes
// itself: who reads files of one meanwhile may miss some. Thread-safe.

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace praefect::proxy {

class UnderMaintenance {
 public:
  // Until the mark and all copies of it are gone.
  using Mark = std::shared_ptr<const void>;

  // It outlives its marks.
  Mark Begin(int64_t repository_id, const std::string& storage) {
    const std::lock_guard lock(mutex_);
    const auto entry = replicas_.emplace(repository_id, storage);
    return Mark(this, [this, entry](const void*) {
      const std::lock_guard lock_again(mutex_);
      replicas_.erase(entry);
    });
  }
  bool Has(int64_t repository_id, const std::string& storage) const {
    const std::lock_guard lock(mutex_);
    return replicas_.count({repository_id, storage}) > 0;
  }

 private:
  mutable std::mutex mutex_;
  std::multiset<std::pair<int64_t, std::string>> replicas_;  // guarded by mutex_
};

}  // namespace praefect::proxy
