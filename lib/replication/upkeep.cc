#include "replication/upkeep.h"

#include <algorithm>
#include <utility>

#include "observe/thread.h"

namespace praefect::replication {

Upkeep::Upkeep(const DiskWatch::Context& context, datastore::UnknownContents& unknown)
    : sweep_(context.keeper, context.logger, context.metrics),
      disks_(context),
      unknown_(unknown, context.nodes) {
  thread_ = observe::StartThread("repl-upkeep", [this] { Run(); });
}

Upkeep::~Upkeep() { Stop(); }

void Upkeep::Publish(std::shared_ptr<const nodes::Snapshot> snapshot) {
  {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(snapshot);
    news_ = true;
  }
  wake_.notify_all();
}

void Upkeep::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Upkeep::stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

std::shared_ptr<const nodes::Snapshot> Upkeep::snapshot() {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

// A node that is new, or back, is looked at at once.
void Upkeep::Run() {
  const auto is_over = [this] { return stopping(); };
  Clock::time_point next_disks = Clock::now() + kDiskPause, next_sweep = Clock::now() + kSweepPause;
  Clock::time_point next_unknown = Clock::now() + kUnknownPause;
  for (bool news = false; Wait(std::min({next_disks, next_sweep, next_unknown}), news);) {
    if (news || Clock::now() >= next_disks) {
      disks_.Look(snapshot(), is_over);
      next_disks = Clock::now() + kDiskPause;
    }
    if (Clock::now() >= next_unknown) {
      unknown_.Look(snapshot(), is_over);
      next_unknown = Clock::now() + kUnknownPause;
    }
    if (!news && Clock::now() < next_sweep) continue;
    const bool over = sweep_.Step(is_over);
    next_sweep = Clock::now() + (over ? kSweepPause : kBatchPause);
  }
}

bool Upkeep::Wait(Clock::time_point until, bool& news) {
  std::unique_lock lock(mutex_);
  wake_.wait_until(lock, until, [this] { return stopping_ || news_; });
  news = std::exchange(news_, false);
  return !stopping_;
}

}  // namespace praefect::replication
