#pragma once

// Moves primaries, one repository at a time: asked by a write that finds that its repository's
// primary is to be another one, and by the sweep for those that nobody writes to.
//
// A planned move needs that nothing is open on the repository. So whoever asks waits, and opens
// nothing meanwhile; since the writes of every Praefect ask, none begins anywhere. What was open is
// settled or lingers; when that takes longer than `longest_hold`, writes go on at the old primary,
// and are not held again for a while.

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "datastore/bookkeeper.h"
#include "datastore/in_flight.h"
#include "nodes/snapshot.h"
#include "observe/log.h"
#include "observe/mutex.h"
#include "observe/registry.h"
#include "routing/primaries.h"

namespace praefect::proxy {

struct PromoterOptions {
  // How long the writes of a repository wait for its move, in all,
  std::chrono::milliseconds longest_hold{10'000};
  // and how long none is held after that.
  std::chrono::milliseconds pause{60'000};
  // Repositories that are moved at a time because of writes; those of others go on as they are.
  size_t most_moves = 100;
};

// Thread-safe.
class Promoter {
 public:
  struct Answer {
    enum Kind {
      kMoved,  // the call is to be routed anew
      kStays,  // for now: the primary goes on, where it can
      kRefused,
    };
    Kind kind = kStays;
    routing::Refusal refusal{};
  };
  // Called once, on any thread; or inside the call, when it is known at once. Must not block.
  using Done = std::function<void(Answer)>;
  using SnapshotSource = std::function<std::shared_ptr<const nodes::Snapshot>()>;

  // What is referred to outlives it; `keeper` is not used before somebody asks.
  Promoter(datastore::Bookkeeper& keeper, SnapshotSource snapshot, observe::Logger& logger,
           observe::Registry& registry, PromoterOptions options = {});
  ~Promoter();  // Stop
  Promoter(const Promoter&) = delete;
  Promoter& operator=(const Promoter&) = delete;

  // For a write: its repository's primary is to be another one (routing::ChoosePrimary).
  // `planned`: the present one could take it.
  void Ask(int64_t repository_id, bool planned, Done done);
  // For the sweep: now or not at all, nothing is held. Whether it was moved.
  void Try(int64_t repository_id, std::function<void(bool moved)> done);
  // Something of these changed: what a move waits for may have come. Does not block.
  void Changed(std::span<const int64_t> ids);
  // How many were moved because their primary could not go on; they may have to move again. Any
  // thread.
  uint64_t takeovers() const { return takeovers_; }
  // Who waits is refused.
  void Stop();

 private:
  struct Move {
    std::vector<Done> waiting;
    db::Deadline end;
    db::Deadline next;                     // when it is looked at again
    std::chrono::milliseconds pause{100};  // after that
    bool busy = false;                     // the database is asked
  };
  struct Outcome {
    enum Kind { kMoved, kWaits, kStays, kNobody, kUnknown } kind = kStays;
    routing::Refusal refusal{};
    std::string why;  // kWaits, kUnknown: for people
  };
  using Attempted = std::function<void(Outcome)>;

  void Run();
  void Attempt(int64_t id, Attempted done);
  void Judge(const datastore::Repository& repository, Attempted done);
  void MoveIfInForce(const datastore::Repository& repository, const routing::PrimaryChoice& choice,
                     Attempted done);
  void Promote(const datastore::Repository& repository, const routing::PrimaryChoice& choice,
               Attempted done);
  void Note(int64_t id, Outcome outcome);
  void End(int64_t id, const Answer& answer);
  void GiveUp(int64_t id, const std::string& why);

  datastore::Bookkeeper& keeper_;
  const SnapshotSource snapshot_;
  observe::Logger& logger_;
  const PromoterOptions options_;
  observe::CounterFamily& promotions_;
  prometheus::Counter& planned_;
  prometheus::Counter& forced_;
  prometheus::Gauge& waited_for_;
  prometheus::Counter& given_up_moves_;
  prometheus::Counter& too_many_;
  std::atomic<uint64_t> takeovers_{0};
  datastore::InFlight in_flight_;

  observe::Mutex mutex_;
  observe::Condition wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<int64_t, Move> moves_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, db::Deadline> pauses_ ABSL_GUARDED_BY(mutex_);  // whose writes are not held

  std::thread thread_;  // until Stop
};

}  // namespace praefect::proxy
