#pragma once

// What has to reach the database in the end, however long it is away.

#include <chrono>
#include <functional>
#include <map>
#include <vector>

#include "datastore/in_flight.h"
#include "datastore/store.h"
#include "db/backoff.h"
#include "observe/mutex.h"

namespace praefect::datastore {

// What a statement of the bookkeeper may take before it counts as failed and is repeated: less than
// a process that stands still holds a lock (30 s), so that other rows are not held up as long.
inline constexpr std::chrono::milliseconds kAttemptTimeout{10'000};
// Between attempts, with jitter.
inline constexpr std::chrono::milliseconds kLeastRetryPause{50};
inline constexpr std::chrono::milliseconds kLongestRetryPause{2'000};

// Single changes, each repeated until it is taken; a few at a time. Thread-safe.
class Errands {
 public:
  using Taken = std::function<void(bool)>;
  using Attempt = std::function<void(db::Deadline deadline, Taken taken)>;

  explicit Errands(InFlight& in_flight) : in_flight_(in_flight) {}

  void Add(Attempt attempt, db::Deadline not_before = {});
  void Tick();  // starts what is due; often
  // Until nothing that is due is left, the database does not take it, or the deadline has passed.
  void Drain(db::Deadline deadline);
  void Stop();  // nothing is begun any more
  size_t owed() const;

 private:
  static constexpr int kMaxUnderWay = 8;

  bool Next(Attempt& attempt);
  void Ended(Attempt attempt, bool taken);

  InFlight& in_flight_;
  mutable observe::Mutex mutex_;
  observe::Condition changed_;
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
  std::multimap<db::Deadline, Attempt> waiting_ ABSL_GUARDED_BY(mutex_);
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  db::Backoff backoff_ ABSL_GUARDED_BY(mutex_){kLeastRetryPause, kLongestRetryPause, 0};
};

// One statement for many intents, one batch at a time; what was not taken goes again with what came
// meanwhile. Thread-safe.
class IntentBatches {
 public:
  using Send = std::function<void(std::vector<int64_t> intents, db::Deadline, Callback<bool>)>;

  IntentBatches(size_t max_batch, Send send, InFlight& in_flight)
      : max_batch_(max_batch), send_(std::move(send)), in_flight_(in_flight) {}

  void Add(const std::vector<int64_t>& intents);
  void Tick();
  void Stop();
  size_t owed() const;

 private:
  bool Next(std::vector<int64_t>& batch);
  void Ended(std::vector<int64_t> batch, bool taken);

  const size_t max_batch_;
  const Send send_;
  InFlight& in_flight_;
  mutable observe::Mutex mutex_;
  std::vector<int64_t> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t sent_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  db::Deadline not_before_ ABSL_GUARDED_BY(mutex_){};
  db::Backoff backoff_ ABSL_GUARDED_BY(mutex_){kLeastRetryPause, kLongestRetryPause, 0};
};

}  // namespace praefect::datastore
