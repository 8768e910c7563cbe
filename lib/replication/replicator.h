#pragma once

// Brings replicas up and deletes those that are to go: for each node a few threads, which take the
// jobs that are due for it. The difference of generations in the books is the truth, the jobs are
// hints; what is lost here is found again there.

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "replication/job_run.h"

namespace praefect::replication {

class Replicator {
 public:
  // How often a node's jobs are looked at when nobody says that there are any.
  static constexpr std::chrono::milliseconds kSweep{1'000};
  // Parked jobs of this age are tried again although nothing changed; those that may pass by
  // themselves, and were parked for having failed often, sooner.
  static constexpr std::chrono::hours kParkedFor{24};
  static constexpr std::chrono::minutes kExhaustedFor{5};
  static constexpr std::chrono::minutes kParkedLook{1};  // how often such are looked for

  struct Settings {
    size_t workers = 1;        // for each node: `replication.parallel_storage_processing_workers`
    int batch = 10;            // jobs read at a time: `replication.batch_size`
    int most_retried = 1'000;  // in one statement
  };

  // What is referred to outlives it. Idle until the first Publish.
  Replicator(const RunContext& context, Settings settings);
  ~Replicator();  // Stop
  Replicator(const Replicator&) = delete;
  Replicator& operator=(const Replicator&) = delete;

  // Jobs may be due. Any thread, does not block.
  void Wake();
  // Nodes that are new get threads. What was parked or put off for a node that is back is tried
  // again at once, and what waited for it as a source. Any thread, does not block.
  void Publish(std::shared_ptr<const nodes::Snapshot> snapshot);
  // The same for all jobs: the configuration is another one. Any thread, does not block.
  void RetryAll();
  // Takes no more jobs. The calls of those that run must be ended before (NodeCalls::Stop).
  void Stop();

 private:
  // One node's queue.
  struct Queue {
    std::string virtual_storage, storage;
    uint64_t seen = 0;        // of wakes_, guarded by mutex_
    std::set<int64_t> taken;  // repositories that its threads work on, guarded by mutex_
    bool up = false;          // guarded by mutex_
    // What failed before is to be tried again; guarded by mutex_.
    std::optional<std::chrono::steady_clock::time_point> retry;
    std::chrono::steady_clock::time_point parked_look;  // the next one; guarded by mutex_
  };
  using Key = std::pair<std::string, std::string>;

  void Work(Queue& queue);
  bool WaitForWork(Queue& queue);
  bool RetryFailed(const Queue& queue, std::chrono::steady_clock::time_point since);
  bool RetryParked(const Queue& queue, std::chrono::milliseconds age, int least_attempts = 0);
  std::vector<datastore::DueJob> DueJobs(const Queue& queue) const;
  bool Take(Queue& queue, int64_t repository_id);
  void GiveBack(Queue& queue, int64_t repository_id);

  const RunContext context_;
  const Settings settings_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;                         // guarded by mutex_
  uint64_t wakes_ = 0;                            // likewise
  std::map<Key, std::unique_ptr<Queue>> queues_;  // likewise; a queue stays
  std::vector<std::thread> threads_;              // likewise, until stopping_
};

}  // namespace praefect::replication
