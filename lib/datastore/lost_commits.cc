#include "datastore/lost_commits.h"

#include <atomic>
#include <memory>
#include <utility>

namespace praefect::datastore {

using observe::MutexLock;

// An acknowledged one stays until another one of its repository is: what nobody was told about must
// not take its place, nor one of an older term.
void LostCommits::Remember(SettledWrite write) {
  const BootTime now = options_.clock();
  bool full = false;
  {
    const MutexLock lock(mutex_);
    Forget(now);
    const int64_t id = write.repository_id;
    const auto known = remembered_.find(id);
    if (known != remembered_.end()) {
      SettledWrite& last = known->second.write;
      const bool newer = write.acknowledged && (!last.acknowledged || write.term >= last.term);
      if (newer || !last.acknowledged) last = std::move(write);
      known->second.at = now;
    } else {
      full = remembered_.size() >= options_.max_remembered;
      if (full) {
        remembered_.erase(order_.front().first);
        order_.pop_front();
      }
      remembered_[id] = {std::move(write), now};
      order_.emplace_back(id, now);
    }
  }
  if (full) options_.forgotten();
}

// Those that were settled again meanwhile go to the end.
void LostCommits::Forget(BootTime now) {
  while (!order_.empty() && now - order_.front().second > options_.memory) {
    const int64_t id = order_.front().first;
    order_.pop_front();
    const auto found = remembered_.find(id);
    if (now - found->second.at > options_.memory) {
      remembered_.erase(found);
    } else {
      order_.emplace_back(id, found->second.at);
    }
  }
}

void LostCommits::SettleAgain(int64_t instance, int64_t timeline, bool untold) {
  {
    const MutexLock lock(mutex_);
    if (std::exchange(under_way_, true)) return;
  }
  if (!untold) return Begin(instance, timeline);
  Mark(instance, 0, [this, instance, timeline] { Begin(instance, timeline); });
}

void LostCommits::Mark(int64_t instance, int64_t timeline, std::function<void()> then) {
  errands_.Add([this, instance, timeline, then = std::move(then)](db::Deadline deadline,
                                                                  const Errands::Taken& taken) {
    options_.mark(instance, timeline, deadline, [taken, then](Result<bool> result) {
      taken(result.ok());
      if (result.ok()) then();
    });
  });
}

std::vector<SettledWrite> LostCommits::Recent() {
  const MutexLock lock(mutex_);
  Forget(options_.clock());
  std::vector<SettledWrite> writes;
  for (const auto& [id, remembered] : remembered_) writes.push_back(remembered.write);
  return writes;
}

// What was answered by a database that is gone is remembered before the list is made.
void LostCommits::Begin(int64_t instance, int64_t timeline) {
  options_.fence([this, instance, timeline] {
    const std::vector<SettledWrite> writes = Recent();
    if (writes.empty()) return End(instance, timeline, 0);
    const auto left = std::make_shared<std::atomic<size_t>>(writes.size());
    for (const SettledWrite& write : writes) {
      errands_.Add([this, write, left, instance, timeline, count = writes.size()](
                       db::Deadline deadline, const Errands::Taken& taken) {
        options_.settle(write, deadline, [=, this](Result<Changed> result) {
          taken(result.ok());
          if (result.ok() && --*left == 0) End(instance, timeline, count);
        });
      });
    }
  });
}

void LostCommits::End(int64_t instance, int64_t timeline, size_t count) {
  Mark(instance, timeline, [this, timeline, count] {
    options_.settled_again(count);
    if (count > 0) {
      logger_.Warn("the database may have lost commits: what was settled lately is settled again",
                   {{"repositories", static_cast<uint64_t>(count)}, {"timeline", timeline}});
    }
    const MutexLock lock(mutex_);
    under_way_ = false;
  });
}

}  // namespace praefect::datastore
