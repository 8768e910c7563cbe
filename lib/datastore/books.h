#pragma once

// What the books say about one repository, as a value: the rules (rules.h) decide over it, the
// exhaustive models explore it, and the contract suite holds the SQL against it.
//
// Storages are positions in Books::replicas; their names are kept beside the books by whoever needs
// them. Plain values, no thread owns them.

#include <absl/container/inlined_vector.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace praefect::datastore {

// Instead of a position: no storage.
inline constexpr int kNoStorage = -1;
// Instead of a generation: the replica is not known to hold any.
inline constexpr int64_t kNoClaim = -1;

enum class RepositoryState : uint8_t { kCreating, kLive, kRemoving };

enum class JobKind : uint8_t { kCopy, kDelete };

enum class JobState : uint8_t {
  kNone,
  kReady,
  kRunning,
  kLingering,  // its caller is gone or lost the call, which may still be applied
  kParked,     // hopeless for now, with its error; tried again when something changes
};

// What is to be done with one replica; at most one at a time.
struct Job {
  JobState state = JobState::kNone;
  JobKind kind = JobKind::kCopy;
  int64_t wanted = 0;  // a copy: the generation that the target shall reach
  // While a copy runs or lingers: where from, and what the source held before it began. A copy
  // whose claim is kNoClaim is void: it ends without claiming anything.
  int source = kNoStorage;
  int64_t claim = kNoClaim;
  bool quiet = false;    // a delete that began with nothing in flight for the repository
  int64_t run = 0;       // while it runs or lingers: its id, by which it is completed,
  int64_t instance = 0;  // and whose it is
  // Runs that failed since it was last wanted, and why the last one did. No rule decides by them.
  int attempts = 0;
  std::string error;
  // When it is saved: how long it is put off from then on. 0 leaves it due when it was, or makes it
  // due when its state changed. Not loaded.
  std::chrono::milliseconds delay{0};

  friend bool operator==(const Job&, const Job&) = default;
};

// One storage's place in the books of a repository. Without a row it is only wanted there.
struct Replica {
  // Written before the first call that may create the replica; stays when the claim is withdrawn:
  // what lies at the replica path on a storage with a row is ours, elsewhere it is unknown.
  bool row = false;
  int64_t generation = kNoClaim;  // what it is known to hold
  bool verified = false;          // its claim was proven by equal checksums
  // The storage was found with another filesystem_id: what it claimed is kept aside until the id
  // returns.
  bool suspect = false;
  int64_t aside = kNoClaim;
  std::string aside_filesystem_id;  // under which that was claimed
  // Not among the storages that the repository is assigned to (assignments.h): nothing is copied
  // there. Worked out anew for each change, no field of a row.
  bool surplus = false;
  // An unsettled call on another repository of this storage names it as additional repository (its
  // object pool). Likewise no field of a row.
  bool in_use = false;
  Job job;

  friend bool operator==(const Replica&, const Replica&) = default;
};

// A call that may change the repository and whose end is not settled.
struct Intent {
  int64_t id = 0;
  int storage = kNoStorage;  // kNoStorage: an adoption, which asks and changes nothing
  int64_t term = 0;
  bool lingering = false;  // no owner waits for its end any more
  int64_t instance = 0;    // whose it is

  friend bool operator==(const Intent&, const Intent&) = default;
};

struct Books {
  RepositoryState state = RepositoryState::kLive;
  int primary = kNoStorage;
  int64_t term = 1;          // rises whenever the primary changes
  int64_t generation = 0;    // rises whenever replicas may have come to differ
  int64_t acknowledged = 0;  // generation of the last write that a client was told succeeded
  // One for every storage that has a row, a job, or shall hold the repository.
  absl::InlinedVector<Replica, 3> replicas;
  absl::InlinedVector<Intent, 3> intents;

  friend bool operator==(const Books&, const Books&) = default;
};

}  // namespace praefect::datastore
