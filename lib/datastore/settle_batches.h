#pragma once

// Settles on their way to the database, for each instance that this process was: one numbered batch
// at a time, repeated under its number until it is taken. Nothing that was owed is ever dropped.

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "datastore/bookkeeper_metrics.h"
#include "datastore/in_flight.h"
#include "datastore/store.h"
#include "datastore/write.h"
#include "db/backoff.h"
#include "observe/log.h"
#include "observe/mutex.h"

namespace praefect::datastore {

struct SettleBatchesOptions {
  size_t max_batch = 500;
  std::chrono::milliseconds settle_timeout{30'000};
  // Called with what was settled, before those who wait are told.
  std::function<void(const std::vector<SettleRequest>&)> settled;
  // The same with what became of each, before that.
  std::function<void(const SettleRequest&, Settled)> answered = [](const auto&, auto) {};
};

// Thread-safe.
class SettleBatches {
 public:
  using Done = std::function<void(Told)>;

  SettleBatches(Store& store, SettleBatchesOptions options, InFlight& in_flight,
                BookkeeperMetrics& metrics, observe::Logger& logger);

  // As that instance, under which it was recorded. `done` may be empty: nobody waits.
  void Add(int64_t instance, SettleRequest request, Done done);
  // Calls when what is under way now has been answered, or has failed: then, or at once.
  void Fence(std::function<void()> then);
  void Tick();  // repeats, and tells those whose time is up; often
  // Until nothing is owed (true), the database does not take it, or the deadline has passed.
  bool Drain(db::Deadline deadline);
  // Nothing is sent any more. Who still waits is told kUnrecorded.
  void Stop();
  size_t owed() const;

 private:
  struct Item {
    SettleRequest request;
    Done done;  // empty: nobody waits, or told
    db::Deadline since;
  };
  struct Lane {
    int64_t number = 0;  // of the batch that was sent, or the last one
    std::vector<Item> sent;
    bool under_way = false;                     // else `sent` waits for its repetition
    std::vector<std::shared_ptr<void>> fences;  // let go of when it is not any more
    db::Deadline not_before{};
    db::Backoff backoff;
    std::deque<Item> waiting;
  };
  struct Batch {
    int64_t number = 0;
    std::vector<SettleRequest> requests;
  };

  Lane& LaneOf(int64_t instance) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendNext(int64_t instance);
  Batch TakeBatch(int64_t instance);
  void Answer(int64_t instance, Result<std::vector<Settled>> result);
  void Retry(int64_t instance, const db::Error& error);
  void Tell(const std::vector<Item>& items, const std::vector<Settled>& settled);
  void CollectLate(Item& item, db::Deadline now, std::vector<Done>& late)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Store& store_;
  const SettleBatchesOptions options_;
  InFlight& in_flight_;
  BookkeeperMetrics& metrics_;
  observe::Logger& logger_;

  mutable observe::Mutex mutex_;
  observe::Condition changed_;
  std::map<int64_t, Lane> lanes_ ABSL_GUARDED_BY(mutex_);
  size_t owed_ ABSL_GUARDED_BY(mutex_) = 0;
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace praefect::datastore
