#include "datastore/settle_batches.h"

#include <utility>

#include "datastore/errands.h"

namespace praefect::datastore {
namespace {

using observe::MutexLock;
using SteadyClock = db::Deadline::clock;

double SecondsSince(db::Deadline since) {
  return std::chrono::duration<double>(SteadyClock::now() - since).count();
}

}  // namespace

SettleBatches::SettleBatches(Store& store, SettleBatchesOptions options, InFlight& in_flight,
                             BookkeeperMetrics& metrics, observe::Logger& logger)
    : store_(store),
      options_(std::move(options)),
      in_flight_(in_flight),
      metrics_(metrics),
      logger_(logger) {}

// A lane stays for good: its numbers must go on.
SettleBatches::Lane& SettleBatches::LaneOf(int64_t instance) {
  const auto found = lanes_.find(instance);
  if (found != lanes_.end()) return found->second;
  return lanes_
      .emplace(instance, Lane{.backoff = db::Backoff(kLeastRetryPause, kLongestRetryPause, 0)})
      .first->second;
}

void SettleBatches::Add(int64_t instance, SettleRequest request, Done done) {
  {
    const MutexLock lock(mutex_);
    ++owed_;
    LaneOf(instance).waiting.push_back({std::move(request), std::move(done), SteadyClock::now()});
  }
  SendNext(instance);
}

// What was sent once goes again under its number, with the same settles: they may be applied.
SettleBatches::Batch SettleBatches::TakeBatch(int64_t instance) {
  const MutexLock lock(mutex_);
  Lane& lane = LaneOf(instance);
  if (stopped_ || lane.under_way || lane.not_before > SteadyClock::now()) return {};
  if (lane.sent.empty()) {
    if (lane.waiting.empty()) return {};
    ++lane.number;
    while (!lane.waiting.empty() && lane.sent.size() < options_.max_batch) {
      lane.sent.push_back(std::move(lane.waiting.front()));
      lane.waiting.pop_front();
    }
  }
  lane.under_way = true;
  Batch batch{.number = lane.number};
  for (const Item& item : lane.sent) batch.requests.push_back(item.request);
  return batch;
}

void SettleBatches::SendNext(int64_t instance) {
  Batch batch = TakeBatch(instance);
  if (batch.requests.empty()) return;
  store_.Settle(instance, batch.number, std::move(batch.requests), db::After(kAttemptTimeout),
                [this, instance, token = in_flight_.Begin()](Result<std::vector<Settled>> result) {
                  Answer(instance, std::move(result));
                });
}

void SettleBatches::Fence(std::function<void()> then) {
  const std::shared_ptr<void> fence(nullptr, [then = std::move(then)](void*) { then(); });
  const MutexLock lock(mutex_);
  for (auto& [instance, lane] : lanes_) {
    if (lane.under_way) lane.fences.push_back(fence);
  }
}

void SettleBatches::Answer(int64_t instance, Result<std::vector<Settled>> result) {
  std::vector<std::shared_ptr<void>> fences;  // let go of at the end, without the lock
  {
    const MutexLock lock(mutex_);
    fences.swap(LaneOf(instance).fences);
  }
  if (!result.ok()) return Retry(instance, *result.error);
  std::vector<Item> items;
  bool again = false;
  {
    const MutexLock lock(mutex_);
    Lane& lane = LaneOf(instance);
    items.swap(lane.sent);
    lane.under_way = false;
    lane.backoff.Reset();
    again = std::exchange(failing_, false);
  }
  if (again) logger_.Info("ends of writes can be recorded again");
  std::vector<SettleRequest> requests;
  for (const Item& item : items) requests.push_back(item.request);
  for (size_t i = 0; i < items.size(); ++i) options_.answered(requests[i], result.value[i]);
  options_.settled(requests);
  Tell(items, result.value);
  {
    const MutexLock lock(mutex_);
    owed_ -= items.size();
    changed_.NotifyAll();
  }
  SendNext(instance);
}

void SettleBatches::Tell(const std::vector<Item>& items, const std::vector<Settled>& settled) {
  for (size_t i = 0; i < items.size(); ++i) {
    metrics_.settle_delay.Observe(SecondsSince(items[i].since));
    Told told = Told::kGone;
    switch (settled[i]) {
      case Settled::kAcknowledged:
        metrics_.acknowledged.Increment();
        told = Told::kAcknowledged;
        break;
      case Settled::kNotKept:
        metrics_.not_kept.Increment();
        told = Told::kNotKept;
        break;
      case Settled::kGone:
        metrics_.gone.Increment();
        break;
    }
    if (items[i].done) items[i].done(told);
  }
}

void SettleBatches::Retry(int64_t instance, const db::Error& error) {
  bool first = false;
  {
    const MutexLock lock(mutex_);
    Lane& lane = LaneOf(instance);
    lane.under_way = false;
    lane.not_before = db::After(lane.backoff.Next());
    first = !std::exchange(failing_, true);
    changed_.NotifyAll();
  }
  if (first) {
    logger_.Warn("ends of writes cannot be recorded: repeated until they are",
                 {{"error", error.message}});
  }
}

// What is sent from now on says that the client was told otherwise.
void SettleBatches::CollectLate(Item& item, db::Deadline now, std::vector<Done>& late) {
  if (!item.done || item.since + options_.settle_timeout > now) return;
  late.push_back(std::exchange(item.done, nullptr));
  item.request.told_otherwise = true;
}

void SettleBatches::Tick() {
  std::vector<Done> late;
  std::vector<int64_t> instances;
  {
    const MutexLock lock(mutex_);
    const auto now = SteadyClock::now();
    for (auto& [instance, lane] : lanes_) {
      for (Item& item : lane.sent) CollectLate(item, now, late);
      for (Item& item : lane.waiting) CollectLate(item, now, late);
      if (!lane.sent.empty() || !lane.waiting.empty()) instances.push_back(instance);
    }
  }
  metrics_.unrecorded.Increment(static_cast<double>(late.size()));
  for (const Done& done : late) done(Told::kUnrecorded);
  for (const int64_t instance : instances) SendNext(instance);
}

bool SettleBatches::Drain(db::Deadline deadline) {
  MutexLock lock(mutex_);
  while (owed_ > 0 && !failing_) {
    if (!changed_.WaitUntil(lock, deadline) && SteadyClock::now() >= deadline) break;
  }
  return owed_ == 0;
}

void SettleBatches::Stop() {
  std::vector<Done> untold;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    for (auto& [instance, lane] : lanes_) {
      const auto end = db::Deadline::max();
      for (Item& item : lane.sent) CollectLate(item, end, untold);
      for (Item& item : lane.waiting) CollectLate(item, end, untold);
    }
  }
  for (const Done& done : untold) done(Told::kUnrecorded);
}

size_t SettleBatches::owed() const {
  const MutexLock lock(mutex_);
  return owed_;
}

}  // namespace praefect::datastore
