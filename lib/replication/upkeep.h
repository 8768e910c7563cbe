#pragma once

// What nobody else begins: the sweep for jobs that are missing, the watch over disks, and that over
// unknown contents. A thread of its own.

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "nodes/snapshot.h"
#include "replication/disk_watch.h"
#include "replication/sweep.h"
#include "replication/unknown_watch.h"

namespace praefect::replication {

class Upkeep {
 public:
  // Between the batches of a sweep, and from the end of one to the beginning of the next, when
  // nothing is heard of nodes.
  static constexpr std::chrono::milliseconds kBatchPause{100};
  static constexpr std::chrono::milliseconds kSweepPause{10'000};
  // Between looks at disks, likewise; what other Praefects said of them is read then.
  static constexpr std::chrono::milliseconds kDiskPause{2'000};

  // Between looks at unknown contents.
  static constexpr std::chrono::milliseconds kUnknownPause{10'000};

  // What is referred to outlives it. Idle until it hears of nodes.
  Upkeep(const DiskWatch::Context& context, datastore::UnknownContents& unknown);
  ~Upkeep();  // Stop
  Upkeep(const Upkeep&) = delete;
  Upkeep& operator=(const Upkeep&) = delete;

  // Something was learned of the nodes, or other ones are configured. Any thread, does not block.
  void Publish(std::shared_ptr<const nodes::Snapshot> snapshot);
  // Takes as long as database and nodes take for one step.
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  bool Wait(Clock::time_point until, bool& news);  // false: it is over
  bool stopping();
  std::shared_ptr<const nodes::Snapshot> snapshot();

  Sweep sweep_;
  DiskWatch disks_;
  UnknownWatch unknown_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;                            // guarded by mutex_
  bool news_ = false;                                // likewise
  std::shared_ptr<const nodes::Snapshot> snapshot_;  // likewise
  std::thread thread_;
};

}  // namespace praefect::replication
