#include "datastore/recovery.h"

#include <algorithm>
#include <utility>

#include "datastore/errands.h"

namespace praefect::datastore {

using observe::MutexLock;
using SteadyClock = db::Deadline::clock;

Recovery::Recovery(Store& store, RecoveryOptions options, InFlight& in_flight,
                   observe::Logger& logger)
    : store_(store), options_(std::move(options)), in_flight_(in_flight), logger_(logger) {}

void Recovery::LookSoon(std::chrono::milliseconds delay) {
  const MutexLock lock(mutex_);
  next_ = std::min(next_, db::After(delay));
}

void Recovery::Stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
}

void Recovery::Tick() {
  {
    const MutexLock lock(mutex_);
    if (stopped_ || looking_ || SteadyClock::now() < next_) return;
    looking_ = true;
    next_ = db::After(options_.interval);
  }
  store_.ListAbandoned(options_.instance(), db::After(kAttemptTimeout),
                       [this, token = in_flight_.Begin()](Result<std::vector<Abandoned>> result) {
                         if (result.ok()) Note(std::move(result.value));
                         const MutexLock lock(mutex_);
                         looking_ = false;
                       });
}

void Recovery::Note(std::vector<Abandoned> calls) {
  std::erase_if(calls, options_.ours);
  std::vector<const Abandoned*> found, over;
  {
    const MutexLock lock(mutex_);
    std::map<Abandoned::Key, State> still;
    for (const Abandoned& call : calls) {
      const auto known = known_.find(call.key());
      const bool is_new = known == known_.end();
      State state = is_new ? State::kSeen : known->second;
      // What was just recorded as this instance may not be in hand yet: it counts when it is found
      // again.
      const bool own = call.instance == options_.instance();
      if (state == State::kSeen && !(is_new && own)) {
        found.push_back(&call);
        state = State::kLingers;
      }
      if (state == State::kOver) {
        over.push_back(&call);
        state = State::kEnding;
      }
      still[call.key()] = state;
    }
    known_ = std::move(still);
  }
  if (!found.empty()) {
    logger_.Warn(
        "calls of dead Praefects, or forgotten ones, linger: they are settled when no node can "
        "apply them",
        {{"calls", static_cast<uint64_t>(found.size())}});
  }
  for (const Abandoned* call : found) {
    options_.linger(*call, [this, key = call->key()] { Over(key); });
  }
  for (const Abandoned* call : over) options_.end(*call);
}

// What is not in the books any more was settled by somebody else.
void Recovery::Over(const Abandoned::Key& key) {
  const MutexLock lock(mutex_);
  const auto known = known_.find(key);
  if (known == known_.end()) return;
  known->second = State::kOver;
  next_ = SteadyClock::now();
}

}  // namespace praefect::datastore
