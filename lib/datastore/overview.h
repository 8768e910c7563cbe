#pragma once

// What an operator wants to know of the books at a glance. Each is one statement that only reads.
// The counts look at every row of what they count (figures: test/bench/RESULTS.md), so they are for
// people and for gauges that are asked every few minutes, not for the way of a call.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "datastore/store.h"

namespace praefect::datastore {

// The replicas of live repositories on one storage; each is counted once. Without a row a replica
// is not counted: that is what jobs are for.
struct ReplicaCounts {
  std::string virtual_storage;
  std::string storage;
  int64_t current = 0;
  int64_t behind = 0;
  int64_t none = 0;     // not known to hold anything
  int64_t suspect = 0;  // its disk was exchanged
  int64_t primary = 0;  // of these, how many are the primary

  friend bool operator==(const ReplicaCounts&, const ReplicaCounts&) = default;
};

// The live repositories of one virtual storage.
struct RepositoryCounts {
  std::string virtual_storage;
  int64_t live = 0;
  int64_t behind = 0;  // of these: a copy is due, because a replica does not hold all it should

  friend bool operator==(const RepositoryCounts&, const RepositoryCounts&) = default;
};

struct JobCounts {
  std::string virtual_storage;
  std::string storage;
  JobKind kind = JobKind::kCopy;
  JobState state = JobState::kReady;
  int64_t count = 0;
  std::chrono::seconds oldest{0};  // since it was wanted
  std::string last_error;          // of the one that failed last; empty: none did
};

// A job that is not tried again before something changes.
struct ParkedJob {
  int64_t repository_id = 0;
  std::string virtual_storage;
  std::string path;  // the relative path; of a repository that is being removed the replica path
  std::string storage;
  JobKind kind = JobKind::kCopy;
  std::string error;              // empty: the storage left the configuration
  std::chrono::seconds since{0};  // it was parked
};

// A delete that waits on a storage, and where something of its repository may lie.
struct WaitingDelete {
  int64_t repository_id = 0;
  std::string replica_path;

  friend bool operator==(const WaitingDelete&, const WaitingDelete&) = default;
};

struct WaitingDeletes {
  int64_t count = 0;
  std::vector<WaitingDelete> first;  // by id
};

struct IntentCounts {
  int64_t open = 0;
  int64_t lingering = 0;
  std::chrono::seconds oldest{0};
};

// A live repository of which no healthy storage holds all that was acknowledged: it can be neither
// read nor written.
struct Unavailable {
  int64_t repository_id = 0;
  std::string relative_path;
  std::string primary;  // empty: none

  friend bool operator==(const Unavailable&, const Unavailable&) = default;
};

// Thread-safe. `database` is borrowed.
class Overview {
 public:
  explicit Overview(db::Database& database) : database_(database) {}

  void Replicas(db::Deadline deadline, Callback<std::vector<ReplicaCounts>> done);
  void Repositories(db::Deadline deadline, Callback<std::vector<RepositoryCounts>> done);
  void Jobs(db::Deadline deadline, Callback<std::vector<JobCounts>> done);
  // Those that were parked last, at most `limit`.
  void Parked(int limit, db::Deadline deadline, Callback<std::vector<ParkedJob>> done);
  // That are not begun; at most `limit` are listed.
  void DeletesOn(std::string virtual_storage, std::string storage, int limit, db::Deadline deadline,
                 Callback<WaitingDeletes> done);
  void Intents(db::Deadline deadline, Callback<IntentCounts> done);
  // Those of one virtual storage when only `healthy` storages are so: by id after `after`, at most
  // `limit`.
  void UnavailableOn(std::string virtual_storage, std::vector<std::string> healthy, int64_t after,
                     int limit, db::Deadline deadline, Callback<std::vector<Unavailable>> done);
  void CountUnavailableOn(std::string virtual_storage, std::vector<std::string> healthy,
                          db::Deadline deadline, Callback<int64_t> done);
  // When the replicas of one repository were proven, by storage; to the millisecond. Those that
  // never were are left out.
  using Times = std::map<std::string, std::chrono::system_clock::time_point>;
  void VerifiedAt(int64_t repository_id, db::Deadline deadline, Callback<Times> done);

 private:
  db::Database& database_;
};

}  // namespace praefect::datastore
