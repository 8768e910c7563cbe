#pragma once

// This process as one row of the books: it registers, raises its counter at once and every `beat`,
// watches the counters of the others, and starts over under a new id when it was buried or could
// not beat for as long as a call is fed.

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "datastore/routes.h"
#include "datastore/store.h"
#include "datastore/windows.h"
#include "db/backoff.h"
#include "observe/log.h"
#include "observe/mutex.h"

namespace praefect::datastore {

struct InstanceOptions {
  WindowSettings windows;
  std::string name;     // of the process, for people
  std::string boot_id;  // of the machine
  std::function<bool()> usable;
  RouteCache::Clock clock;
};

// On the thread of the beats.
struct InstanceEvents {
  std::function<void(bool ok)> beaten;
  std::function<void(int64_t instance)> disowned;  // this one is not this process any more
  std::function<void()> buried;                    // another one, which may have left something
  // The database may have lost commits: it is on a timeline on which this instance has settled
  // nothing again; `untold`: its row is older than it was, although the timeline tells nothing.
  std::function<void(int64_t instance, int64_t timeline, bool untold)> commits_lost = [](auto, auto,
                                                                                         auto) {};
};

class Instance {
 public:
  // Beats from Start on, with a thread of its own. What is referred to outlives it.
  Instance(Store& store, Routes& routes, InstanceOptions options, InstanceEvents events,
           observe::Logger& logger);
  ~Instance();  // Stop
  void Start();
  // Returns when a beat that is under way has ended: within the send window.
  void Stop();
  // The next beat comes now: routes are not proven before the listener hears one.
  void BeatNow();

  // All below are lock-free but the problem.

  int64_t id() const { return id_.load(std::memory_order_acquire); }  // 0: not registered
  bool WasOurs(int64_t instance) const;
  int64_t NextId(int64_t instance) { return MakeId(instance, ++last_number_); }
  bool MaySend(int64_t instance, BootTime open_begun) const;
  bool MayFeed(int64_t instance) const;
  // Whether what is opened now could still be sent.
  bool MayOpen() const;
  // Why it may not, for operators; empty: it may.
  std::string problem() const;

 private:
  static constexpr BootTime kNever = BootTime::min();

  void Run();
  bool Register();
  void Beat();
  void Note(const std::vector<datastore::Beat>& beats, BootTime begun, BootTime answered);
  void Disown(std::string_view why);
  void Failed(const db::Error& error);
  bool Sleep(std::chrono::milliseconds time);
  BootTime beat_begun() const { return BootTime(beat_begun_.load(std::memory_order_acquire)); }

  Store& store_;
  Routes& routes_;
  const InstanceOptions options_;
  const InstanceEvents events_;
  observe::Logger& logger_;

  std::atomic<int64_t> id_{0};
  // When the last successful beat was handed to the database. Read before id_, written before it
  // where an instance ends: a beat never counts for another instance's calls.
  std::atomic<BootTime::rep> beat_begun_{kNever.count()};
  std::atomic<int64_t> last_number_{0};  // rises over all ids

  // Of the thread.
  db::Backoff backoff_;
  std::optional<BeatWatch> watch_;  // of the present id
  int64_t count_ = 0;               // of its last beat
  // The last one on which everything was settled; none: this process has settled nothing yet.
  std::optional<int64_t> timeline_;
  int64_t mark_ = 0;

  mutable observe::Mutex mutex_;
  observe::Condition woken_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool beat_now_ ABSL_GUARDED_BY(mutex_) = false;
  std::string last_error_ ABSL_GUARDED_BY(mutex_);
  std::set<int64_t> ours_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace praefect::datastore
