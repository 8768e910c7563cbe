#pragma once

// Commits that the database lost, because it failed over to a standby that did not have them, or
// was restored: what this process settled lately is settled again. Until every live instance has
// said that it did so, nobody is promoted and nothing is copied (Store::Change refuses).

#include <absl/container/flat_hash_map.h>

#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "datastore/errands.h"
#include "datastore/store.h"
#include "datastore/windows.h"
#include "observe/log.h"
#include "observe/mutex.h"

namespace praefect::datastore {

struct LostCommitsOptions {
  // So far back commits may be lost.
  std::chrono::milliseconds memory{600'000};
  // Repositories; of more the one that was settled first is forgotten.
  size_t max_remembered = 200'000;
  std::function<BootTime()> clock;
  std::function<void(const SettledWrite& write, db::Deadline, Callback<Changed>)> settle;
  // That the instance has settled again on this timeline; 0: that it has not.
  std::function<void(int64_t instance, int64_t timeline, db::Deadline, Callback<bool>)> mark;
  // Calls when the settles that are under way now have been answered.
  std::function<void(std::function<void()> then)> fence;
  std::function<void(size_t repositories)> settled_again;
  std::function<void()> forgotten;  // one for want of room
};

// Thread-safe.
class LostCommits {
 public:
  LostCommits(LostCommitsOptions options, Errands& errands, observe::Logger& logger)
      : options_(std::move(options)), errands_(errands), logger_(logger) {}

  // Before whoever waits for it is told.
  void Remember(SettledWrite write);
  // The books may have lost commits: the database is on a timeline on which this instance has
  // settled nothing again yet; or, `untold`, its row is older than it was although the timeline is
  // the same. Nothing when it is being done.
  void SettleAgain(int64_t instance, int64_t timeline, bool untold);

 private:
  struct Remembered {
    SettledWrite write;
    BootTime at{};
  };

  void Mark(int64_t instance, int64_t timeline, std::function<void()> then);
  void Begin(int64_t instance, int64_t timeline);
  std::vector<SettledWrite> Recent();
  void Forget(BootTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(int64_t instance, int64_t timeline, size_t count);

  const LostCommitsOptions options_;
  Errands& errands_;
  observe::Logger& logger_;

  mutable observe::Mutex mutex_;
  bool under_way_ ABSL_GUARDED_BY(mutex_) = false;
  // The last one of each repository; and when each was remembered, the first first.
  absl::flat_hash_map<int64_t, Remembered> remembered_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::pair<int64_t, BootTime>> order_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace praefect::datastore
