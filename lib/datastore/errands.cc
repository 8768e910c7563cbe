#include "datastore/errands.h"

#include <algorithm>
#include <utility>

namespace praefect::datastore {

using observe::MutexLock;
using SteadyClock = db::Deadline::clock;

void Errands::Add(Attempt attempt, db::Deadline not_before) {
  {
    const MutexLock lock(mutex_);
    waiting_.emplace(not_before, std::move(attempt));
  }
  Tick();
}

void Errands::Tick() {
  for (Attempt attempt; Next(attempt);) {
    // What the attempt is called with refers to it.
    const auto kept = std::make_shared<Attempt>(std::move(attempt));
    (*kept)(db::After(kAttemptTimeout),
            [this, kept, token = in_flight_.Begin()](bool taken) { Ended(*kept, taken); });
  }
}

bool Errands::Next(Attempt& attempt) {
  const MutexLock lock(mutex_);
  if (stopped_ || under_way_ >= kMaxUnderWay || waiting_.empty()) return false;
  const auto first = waiting_.begin();
  if (first->first > SteadyClock::now()) return false;
  attempt = std::move(first->second);
  waiting_.erase(first);
  ++under_way_;
  return true;
}

void Errands::Ended(Attempt attempt, bool taken) {
  {
    const MutexLock lock(mutex_);
    --under_way_;
    failing_ = !taken;
    changed_.NotifyAll();
    if (taken) {
      backoff_.Reset();
    } else {
      waiting_.emplace(db::After(backoff_.Next()), std::move(attempt));
    }
  }
  Tick();
}

void Errands::Drain(db::Deadline deadline) {
  MutexLock lock(mutex_);
  const auto any_due = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return under_way_ > 0 || (!waiting_.empty() && waiting_.begin()->first <= SteadyClock::now());
  };
  while (any_due() && !failing_ && SteadyClock::now() < deadline) {
    changed_.WaitUntil(lock, deadline);
  }
}

void Errands::Stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
}

size_t Errands::owed() const {
  const MutexLock lock(mutex_);
  return waiting_.size() + static_cast<size_t>(under_way_);
}

void IntentBatches::Add(const std::vector<int64_t>& intents) {
  if (intents.empty()) return;
  {
    const MutexLock lock(mutex_);
    waiting_.insert(waiting_.end(), intents.begin(), intents.end());
  }
  Tick();
}

void IntentBatches::Tick() {
  std::vector<int64_t> batch;
  if (!Next(batch)) return;
  send_(batch, db::After(kAttemptTimeout),
        [this, batch, token = in_flight_.Begin()](Result<bool> result) {
          Ended(batch, result.ok());
          Tick();
        });
}

bool IntentBatches::Next(std::vector<int64_t>& batch) {
  const MutexLock lock(mutex_);
  if (stopped_ || sent_ > 0 || waiting_.empty() || not_before_ > SteadyClock::now()) return false;
  sent_ = std::min(max_batch_, waiting_.size());
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(sent_);
  batch.assign(waiting_.begin(), end);
  waiting_.erase(waiting_.begin(), end);
  return true;
}

void IntentBatches::Ended(std::vector<int64_t> batch, bool taken) {
  const MutexLock lock(mutex_);
  sent_ = 0;
  if (taken) {
    backoff_.Reset();
  } else {
    waiting_.insert(waiting_.end(), batch.begin(), batch.end());
    not_before_ = db::After(backoff_.Next());
  }
}

void IntentBatches::Stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
}

size_t IntentBatches::owed() const {
  const MutexLock lock(mutex_);
  return waiting_.size() + sent_;
}

}  // namespace praefect::datastore
