#pragma once

// What dead instances left: their intents are settled and their runs released, when these can no
// longer be applied. So is what this instance has in the books and not in hand: a database that
// lost commits has forgotten its end. Every live instance does so for all of them and looks again
// before it acts, so that what another one has settled is left alone; two at the same moment settle
// twice, which costs a generation and nothing else.

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "datastore/in_flight.h"
#include "datastore/store.h"
#include "observe/log.h"
#include "observe/mutex.h"

namespace praefect::datastore {

struct RecoveryOptions {
  std::chrono::milliseconds interval{10'000};  // between looks
  std::function<int64_t()> instance;           // of this process, now
  // Whether this process has it in hand itself, under whatever id.
  std::function<bool(const Abandoned& call)> ours;
  // It was not known before: it lingers, and `over` is called when it can no longer be applied.
  std::function<void(const Abandoned& call, std::function<void()> over)> linger;
  // It is over, and still in the books.
  std::function<void(const Abandoned& call)> end;
};

// Thread-safe.
class Recovery {
 public:
  Recovery(Store& store, RecoveryOptions options, InFlight& in_flight, observe::Logger& logger);

  // Looks when it is time to; often.
  void Tick();
  void LookSoon(std::chrono::milliseconds delay = {});
  void Stop();

 private:
  enum class State { kSeen, kLingers, kOver, kEnding };

  void Note(std::vector<Abandoned> calls);
  void Over(const Abandoned::Key& key);

  Store& store_;
  const RecoveryOptions options_;
  InFlight& in_flight_;
  observe::Logger& logger_;

  observe::Mutex mutex_;
  std::map<Abandoned::Key, State> known_ ABSL_GUARDED_BY(mutex_);
  db::Deadline next_ ABSL_GUARDED_BY(mutex_){};
  bool looking_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace praefect::datastore
