#pragma once

// Opens on their way to the database: one statement at a time, and what comes meanwhile goes with
// the next.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datastore/bookkeeper_metrics.h"
#include "datastore/in_flight.h"
#include "datastore/instance.h"
#include "datastore/store.h"
#include "datastore/write.h"
#include "observe/mutex.h"

namespace praefect::datastore {

// Why the database did not take a write, for clients.
std::string WhyUnavailable(const db::Error& error);

struct OpenBatchesOptions {
  size_t max_batch = 500;
  size_t max_waiting = 10'000;
  std::chrono::milliseconds send_window{5'000};
  RouteCache::Clock clock;
  // Called with what was recorded, before those who wait are told.
  std::function<void(const std::vector<Write>&)> recorded;
  // The books say something else of these repositories than their routes; likewise.
  std::function<void(const std::vector<int64_t>& ids)> refused;
  // Nobody waits for these any more and no node sees them.
  std::function<void(std::vector<int64_t> intents)> drop;
  // The same, but whether and when they are recorded is not known: not after this time.
  std::function<void(std::vector<int64_t> intents, db::Deadline)> drop_after;
};

// Thread-safe.
class OpenBatches {
 public:
  using Done = std::function<void(Opened)>;

  OpenBatches(Store& store, Instance& instance, OpenBatchesOptions options, InFlight& in_flight,
              BookkeeperMetrics& metrics, observe::Logger& logger);

  void Add(OpenRequest request, db::Deadline deadline, Done done);
  void Tick();  // answers those whose time is up; often
  void Stop();  // refuses those that wait, and all that come

 private:
  struct Item {
    OpenRequest request;
    db::Deadline deadline;
    Done done;  // empty: answered
  };
  struct Batch {
    int64_t instance = 0;
    BootTime begun{};
    db::Deadline deadline;
    std::vector<Item> items;  // like all items: under the mutex
  };
  using Answers = std::vector<std::pair<Done, Opened>>;

  std::string Refusal() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendNext();
  std::shared_ptr<Batch> TakeBatch();
  void Answer(const std::shared_ptr<Batch>& batch, Result<std::vector<bool>> result);
  void Refuse(const Batch& batch, const db::Error& error);
  void LogFailing(const std::optional<db::Error>& error);
  static Opened Unavailable(std::string why);

  Store& store_;
  Instance& instance_;
  const OpenBatchesOptions options_;
  InFlight& in_flight_;
  BookkeeperMetrics& metrics_;
  observe::Logger& logger_;

  observe::Mutex mutex_;
  std::deque<Item> waiting_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Batch> sent_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace praefect::datastore
