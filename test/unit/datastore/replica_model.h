#pragma once

// One repository on three nodes, and every interleaving of writes, copies, promotions and faults:
// owners and workers that die or freeze and are buried, calls that outlive them, repeated settles,
// withdrawn claims, exchanged disks. The books follow the product's rules (datastore/rules.h); this
// file adds the world around them, and what a product would do that had made one of the mistakes.

#include <array>

#include "explorer.h"

namespace praefect::datastore {

// How much may happen. A frozen process needs no state of its own: it takes no step; what counts is
// that it is buried meanwhile, and that its next steps may come later than that.
struct ReplicaLimits {
  int writes = 2;
  int promotions = 0;   // of a repository that has a primary
  int owners = 0;       // of writes that die
  int workers = 0;      // of copies that die
  int withdrawals = 0;  // with or without the content
  int disks = 0;        // exchanged, and perhaps put back
  bool freeze = false;  // those that die may be buried alive as well
  bool parts = false;  // writes are sent in two parts; the node can apply nothing before the second
  bool repeat = false;  // the reply to a settle may be lost; clients may be told before it is taken
};

// What a product without one of the rules would do.
struct ReplicaMistakes {
  bool answers_before_settle = false;
  bool settles_in_any_term = false;
  bool settles_without_lock = false;  // judged first, applied later
  bool drops_refused_ends = false;    // an end in an earlier term raises nothing
  bool settles_without_linger =
      false;  // ends other than OK are settled while the call may still be applied
  bool forgets_dead_owners = false;
  bool binds_by_unacknowledged = false;  // every generation counts as acknowledged
  bool sends_after_burial = false;
  bool tests_window_early =
      false;  // something comes between the test of the send window and the send
  bool feeds_after_burial = false;  // later parts of a call are not bound to a beat
  bool settles_late_in_any_term = false;
  bool settles_twice = false;  // a repeated settle is applied again
  bool acknowledges_what_was_denied = false;

  bool releases_lost_copies = false;
  bool copies_after_burial = false;
  bool starts_copies_without_lock = false;
  bool claims_what_source_holds_at_end = false;
  bool forgets_wanted = false;  // what was wanted while a copy ran
  bool completes_without_run = false;

  bool promotes_incomplete = false;
  bool promotes_busy = false;
  bool promotes_without_raise = false;

  bool keeps_targets_of_withdrawn = false;
  bool claims_after_withdrawal =
      false;  // a copy onto a replica whose claim was withdrawn meanwhile
  bool keeps_withdrawn_primary = false;
  bool suspect_keeps_copies = false;
};

class ReplicaModel {
 public:
  static constexpr int kNodes = 3;
  static constexpr int kMaxWrites = 2;

  enum Phase : uint8_t {
    kUnused,
    kOpened,
    kTested,
    kSent,
    kAnswered,
    kJudged,
    kRepeat,
    kUnproven,
    kClosed
  };
  enum OnNode : uint8_t {
    kNowhere,
    kPartly,
    kPending,
    kApplied,
    kOver
  };  // kPending: may still be applied
  enum Process : uint8_t { kAlive, kBuriedAlive, kDead };
  enum RunPhase : uint8_t { kNoRun, kTaken, kBooked, kStarted, kRead, kUpdated, kCopied, kGone };

  struct Write {
    uint8_t phase, node, term, intent, call, owner, told, judged_good, landed_unrecorded;
  };
  struct Row {  // generations are stored plus one: 0 is none
    uint8_t generation, verified, suspect, aside, job, wanted, source, claim;
  };
  struct Run {  // a copy onto a node, as its worker and the node see it
    uint8_t phase, source, claim, snapshot, known, worker;
  };
  struct State {
    uint8_t primary, term, generation, acknowledged;
    std::array<Row, kNodes> row;
    std::array<uint8_t, kNodes> content,
        away_content;  // sets of writes really there; on the old disk
    std::array<uint8_t, kNodes>
        known;        // acknowledged writes that the books have proof of, per node
    uint8_t told_ok;  // what clients were told
    std::array<Write, kMaxWrites> write;
    std::array<Run, kNodes> run;
    Run stray;  // of a worker whose replica was released
    uint8_t stray_node;
    uint8_t promotions, owners, workers, withdrawals, disks, repeats;
    uint8_t differs;  // a copy differed from its source and nothing explains it
  };

  ReplicaModel(const ReplicaLimits& limits, const ReplicaMistakes& mistakes)
      : limits_(limits), mistakes_(mistakes) {}

  std::vector<State> Start() const;
  void Steps(const State& state, Emit<State> emit) const;
  State Canonical(const State& state) const;
  const char* Broken(const State& state) const;
  const char* Unfinished(const State& state) const;

 private:
  const ReplicaLimits limits_;
  const ReplicaMistakes mistakes_;
};

}  // namespace praefect::datastore
