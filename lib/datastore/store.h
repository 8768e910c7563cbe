#pragma once

// The books in a database: PostgreSQL, shared by any number of Praefects, or the embedded store.
//
// Opens and settles are what every write costs: one statement each with PostgreSQL, for a whole
// batch. All else locks one repository, loads it, lets a rule change the value (changes.h), and
// saves it; so do all operations of the embedded store, which has one writer. The contract suite
// holds both to the rules.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "datastore/assignments.h"
#include "datastore/designations.h"
#include "datastore/events.h"
#include "datastore/repository.h"
#include "db/database.h"
#include "observe/mutex.h"

namespace praefect::datastore {

template <class T>
struct Result {
  std::optional<db::Error> error;
  T value{};

  bool ok() const { return !error; }
};

// Called exactly once, on a thread of the database, which it must not block.
template <class T>
using Callback = std::function<void(Result<T>)>;

// Changes one repository under its lock; false to leave it as it is. Called once, and must be
// quick.
using Rule = std::function<bool(Repository&)>;

enum class Changed { kNotFound, kRefused, kDone };

// Ids of intents and runs: unique without asking the database.
inline constexpr int kNumberBits = 40;
constexpr int64_t MakeId(int64_t instance, int64_t number) {
  return instance << kNumberBits | number;
}

struct OpenRequest {
  int64_t intent = 0;
  int64_t repository_id = 0;
  RepositoryName name;  // as the client named it: the row must still have it
  std::string storage;  // the primary, as routed
  int64_t term = 0;
  std::optional<int64_t> additional_repository_id;  // must be current on that storage too
};

struct SettleRequest {
  int64_t intent = 0;
  int64_t repository_id = 0;
  std::string storage;
  int64_t term = 0;
  bool node_ok = false;
  bool told_otherwise = false;  // the client was told meanwhile that it failed
};

enum class Settled {
  kAcknowledged,  // the client may be told OK
  kNotKept,       // the primary or term changed, or the node did not answer OK: UNAVAILABLE
  kGone,          // the repository is being removed, or its row is gone
};

// A repository's first row.
struct Creation {
  RepositoryName name;
  std::string replica_path;  // empty: the cluster path of its id
  bool pool = false;         // which cluster path
  std::string primary;
  int64_t intent = 0;
  int64_t instance = 0;
  std::vector<std::string> assignments;  // assignments.h; empty: wanted everywhere
};

struct Created {
  int64_t id = 0;  // 0: the name, or the place, is taken
  std::string replica_path;
};

struct Below {
  int64_t id = 0;
  std::string relative_path;
  RepositoryState state = RepositoryState::kLive;
};

// A replica path, in use or retired.
struct Place {
  std::string replica_path;
  std::string relative_path;  // empty: nothing is found there by a name now

  friend bool operator==(const Place&, const Place&) = default;
};

struct RenamedBelow {
  Changed changed = Changed::kNotFound;
  std::vector<int64_t> ids;
};

// What a worker has to know to ask for its start (changes.h), which judges anew.
struct DueJob {
  int64_t repository_id = 0;
  JobKind kind = JobKind::kCopy;
  int attempts = 0;           // that failed before
  std::string relative_path;  // empty while it is being removed
  std::string replica_path;
  std::string primary;                  // the first source to think of; may be empty
  std::chrono::milliseconds waited{0};  // since it was wanted

  friend bool operator==(const DueJob&, const DueJob&) = default;
};

// What a look for jobs that are missing found.
struct MissingJobs {
  std::vector<int64_t> repositories;
  int64_t last = 0;  // that was looked at; 0: there are no more
};

// The channels that are notified: of the ids of repositories whose routes changed, in decimal,
// separated by spaces; and of beats.
inline constexpr char kChangesChannel[] = "repositories_updates";
inline constexpr char kBeatsChannel[] = "praefect_beats";

struct Beat {
  int64_t instance = 0;
  int64_t count = 0;
  int64_t timeline = 0;  // of the database then; 0: it has none, or does not tell it
  bool settled = true;   // the instance has settled again on that one (lost_commits.h)
};

// A call that was settled: what may have to be settled again.
struct SettledWrite {
  int64_t repository_id = 0;
  std::string storage;
  int64_t term = 0;
  bool acknowledged = false;
};

// A call that an instance had under way when it was declared dead, and that is not settled.
struct Abandoned {
  using Key = std::tuple<bool, int64_t, int64_t>;

  bool run = false;  // a copy or delete; else a write
  int64_t id = 0;    // the run, or the intent
  int64_t repository_id = 0;
  std::string virtual_storage;  // empty: the repository is gone
  std::string storage;          // empty: an adoption, which changes nothing
  int64_t term = 0;             // of a write
  bool lingering = false;       // it is said so in the books
  bool creating = false;        // the repository is being created by it
  int64_t instance = 0;
  std::string boot_id;

  Key key() const { return {run, id, repository_id}; }
};

// Of some repositories, by id, those whose primary is not the designated storage.
struct Misplaced {
  std::vector<int64_t> movable;  // a replica that could take over seems to be complete
  int64_t waiting = 0;           // how many others there are
  int64_t last = 0;              // of all that were looked at; 0: there are no more
};

// Thread-safe. `database` is borrowed; its schema must be current.
class Store {
 public:
  Store(db::Database& database, Storages storages)
      : database_(database), storages_(std::make_shared<const Storages>(std::move(storages))) {}

  db::Engine engine() const { return database_.engine(); }
  // What is configured, for changes that begin from now on. Rows, jobs and assignments of a storage
  // that is not among them any more stay.
  void Configure(Storages storages);
  std::shared_ptr<const Storages> storages() const;

  // --- Instances ---

  // The timeline that the database is on, which changes with a failover or a restore to another
  // time; 0: it has none, as the embedded store, or this role may not read it. From then on beats
  // tell it, and changes heed it.
  void ReadTimeline(db::Deadline deadline, Callback<int64_t> done);
  // A new process, which has nothing to settle again on this timeline (0: on none). The id is never
  // used again.
  void Register(std::string name, std::string boot_id, int64_t timeline, db::Deadline deadline,
                Callback<int64_t> done);
  // On this timeline it has nothing to settle again any more; 0: it has, on any.
  void MarkSettled(int64_t instance, int64_t timeline, db::Deadline deadline, Callback<bool> done);
  // Drops instances that have been dead for a day and left nothing; how many.
  void SweepInstances(db::Deadline deadline, Callback<int64_t> done);
  // Raises its counter, and returns those of all that are alive: without its own it was buried.
  // PostgreSQL is told to notify kBeatsChannel of "INSTANCE MARK", by which the caller knows its
  // beat again.
  void RaiseBeat(int64_t instance, int64_t mark, db::Deadline deadline,
                 Callback<std::vector<Beat>> done);
  // Declares it dead if its counter still is what was seen: its intents and running jobs linger
  // from now on. False: it is alive, or somebody was quicker.
  void Bury(Beat seen, db::Deadline deadline, Callback<bool> done);
  // The same for all others, whoever they are: with the embedded store, which one process uses.
  void BuryOthers(int64_t instance, db::Deadline deadline, Callback<bool> done);
  // What dead instances had under way, and what this one has.
  void ListAbandoned(int64_t instance, db::Deadline deadline,
                     Callback<std::vector<Abandoned>> done);

  // --- Writes ---

  // In the order asked, whether each was recorded; one that was not is to be routed anew.
  void Open(int64_t instance, std::vector<OpenRequest> requests, db::Deadline deadline,
            Callback<std::vector<bool>> done);
  // For calls that provably never reached a node.
  void DropIntents(std::vector<int64_t> intents, db::Deadline deadline, Callback<bool> done);
  // Nobody waits for the end of these calls any more. Those that are settled meanwhile are passed
  // over.
  void LetIntentsLinger(std::vector<int64_t> intents, db::Deadline deadline, Callback<bool> done);
  // In the order asked. A batch whose number, or a higher one, was settled for the instance changes
  // nothing and is answered by primary and term as they are now. A repository that is being created
  // is left alone: its end is a Change (EndCreation).
  void Settle(int64_t instance, int64_t batch, std::vector<SettleRequest> requests,
              db::Deadline deadline, Callback<std::vector<Settled>> done);

  // --- Repositories ---

  // A change that begins a copy or promotes is refused while commits may be lost: while any live
  // instance has not settled again on the database's timeline.

  // A name that cannot be a key (names.h) is refused before it reaches the database:
  // Layer::kArgument.

  void Find(RepositoryName name, db::Deadline deadline, Callback<std::optional<Repository>> done);
  void Find(int64_t id, db::Deadline deadline, Callback<std::optional<Repository>> done);
  void Change(RepositoryName name, Rule rule, db::Deadline deadline, Callback<Changed> done);
  void Change(int64_t id, Rule rule, db::Deadline deadline, Callback<Changed> done);
  // The id of the repository whose replicas lie there; 0: of none.
  void FindPlace(std::string virtual_storage, std::string replica_path, db::Deadline deadline,
                 Callback<int64_t> done);
  // A write that was settled, and of which the books may know nothing any more.
  void SettleAgain(SettledWrite write, db::Deadline deadline, Callback<Changed> done);
  // Whether a replica path, in use or retired, is the path, above it or below it.
  void Overlaps(RepositoryName path, db::Deadline deadline, Callback<bool> done);
  // The row (`creating`), the primary's replica row and the intent at once; an adoption has no
  // primary.
  void Create(Creation creation, db::Deadline deadline, Callback<Created> done);
  // Its place stays, and is retired when the repository goes. kRefused when `to` is taken, or the
  // repository is not live.
  void Rename(RepositoryName from, std::string to, db::Deadline deadline, Callback<Changed> done);

  // By their replica paths, as many as `limit`, those behind `after`. One that is there all the
  // time that it takes to list them all is listed.
  void ListPlaces(std::string virtual_storage, std::string after, int limit, db::Deadline deadline,
                  Callback<std::vector<Place>> done);

  // --- Namespaces: all whose relative path lies below a directory ---

  // By their paths, as many as `limit`.
  void ListBelow(RepositoryName directory, int limit, db::Deadline deadline,
                 Callback<std::vector<Below>> done);
  // All of them at once, as Rename does. Refused, with no id, when one is not live, when they are
  // more than `limit`, or when a repository lies at `to`, above it or below it.
  void RenameBelow(RepositoryName from, std::string to, int limit, db::Deadline deadline,
                   Callback<RenamedBelow> done);

  // --- Primaries ---

  // What the file of an instance says (nothing: it has no say any more), and what is in force then.
  void Declare(int64_t instance, Designations designated, db::Deadline deadline,
               Callback<Declarations> done);
  // As it is; only reads.
  void Declared(db::Deadline deadline, Callback<Declarations> done);
  // Looks at `limit` repositories of all virtual storages with ids after `after`. Where the primary
  // is none of `healthy`, any replica could take over.
  void FindMisplaced(std::string virtual_storage, std::string designated,
                     std::vector<std::string> healthy, int64_t after, int limit,
                     db::Deadline deadline, Callback<Misplaced> done);

  // --- Jobs ---

  // Ready for the storage and not put off, the longest due first.
  void DueJobs(std::string virtual_storage, std::string storage, int limit, db::Deadline deadline,
               Callback<std::vector<DueJob>> done);
  // Makes jobs that were parked at least this long ago ready again, as many as `limit`; how many
  // there were. For when something changed (no age), and for what nobody else tries again (a day).
  // With least_attempts those that failed so often before they were parked, for one more attempt.
  void RetryParkedJobs(std::string virtual_storage, std::string storage,
                       std::chrono::milliseconds age, int least_attempts, int limit,
                       db::Deadline deadline, Callback<int64_t> done);
  // Makes jobs that failed and wait for their next attempt due at once; likewise.
  void HastenJobs(std::string virtual_storage, std::string storage, int limit,
                  db::Deadline deadline, Callback<int64_t> done);
  // Looks at so many repositories, by id after `after`, for jobs that are missing
  // (WantMissingJobs).
  void FindMissingJobs(int64_t after, int limit, db::Deadline deadline, Callback<MissingJobs> done);

  // --- Events ---

  // The newest first; of all, or of one repository.
  void Events(std::optional<int64_t> repository_id, int limit, db::Deadline deadline,
              Callback<std::vector<RecordedEvent>> done);
  // Drops the oldest beyond `keep`, at most kEventsPerSweep at a time; how many there were.
  void SweepEvents(int64_t keep, db::Deadline deadline, Callback<int64_t> done);

 private:
  db::Database& database_;
  std::atomic<bool> heeds_timeline_{false};
  mutable observe::Mutex mutex_;
  std::shared_ptr<const Storages> storages_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace praefect::datastore
