#pragma once

// Keeps the designated storages of this process's file in the books, and moves the primaries that
// nobody writes to where they are to be: a few repositories at a time, never all at once.

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "datastore/bookkeeper.h"
#include "nodes/snapshot.h"
#include "observe/log.h"
#include "observe/mutex.h"
#include "proxy/promoter.h"

namespace praefect::replication {

class PrimarySweep {
 public:
  // How often the books are asked what is designated.
  static constexpr std::chrono::milliseconds kPoll{5'000};
  // The same until they answer: this process may not be registered yet.
  static constexpr std::chrono::milliseconds kBeforeRegistered{200};
  // Repositories that are looked at in one statement.
  static constexpr int kBatch = 1'000;
  // Between two rounds: while some could not be moved, from the first to the second; else the
  // third. A change of a node's health or of a designation, or somebody's taking
  // over, begins one soon.
  static constexpr std::chrono::milliseconds kFirstPause{2'000}, kLongestPause{60'000},
      kIdlePause{300'000};

  // What is referred to outlives it.
  struct Context {
    datastore::Bookkeeper& keeper;
    proxy::Promoter& promoter;
    std::function<std::shared_ptr<const nodes::Snapshot>()> snapshot;
    // What is in force, whenever that is not what the snapshot says.
    std::function<void(datastore::Designations)> designate;
    observe::Logger& logger;
  };

  explicit PrimarySweep(Context context);
  ~PrimarySweep();  // Stop
  PrimarySweep(const PrimarySweep&) = delete;
  PrimarySweep& operator=(const PrimarySweep&) = delete;

  // There is another snapshot. Any thread, does not block.
  void Wake();
  // What this process's file says does not count any more. Promoter::Stop may come later.
  void Stop();

 private:
  void Run();
  bool WaitForWork();
  bool stopping() const;

  bool Declare(const nodes::Snapshot& snapshot);
  void TellDissent(const nodes::Snapshot& snapshot, const datastore::Declarations& declarations);
  bool RoundIsDue(const nodes::Snapshot& snapshot);
  void Round(const nodes::Snapshot& snapshot);
  void Sweep(const nodes::VirtualStorage& storage, int64_t& moved, int64_t& waiting);
  bool Try(int64_t repository_id);

  const Context context_;

  // Of the thread.
  std::string state_;  // of nodes and takeovers, at the last round
  std::string dissent_;
  bool told_ = false;  // by the books, when they were last asked
  int64_t declared_as_ = 0;
  db::Deadline next_round_{};
  std::chrono::milliseconds pause_{kFirstPause};

  mutable observe::Mutex mutex_;
  observe::Condition wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;  // until Stop
};

}  // namespace praefect::replication
