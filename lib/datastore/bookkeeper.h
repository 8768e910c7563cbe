#pragma once

// This process in the books: it registers, proves every second that it is alive, buries instances
// that are not, and records what its calls do. Whoever routes a call or changes a repository goes
// through here: opens and settles travel in batches, an end that nobody waits for is settled when
// the node can no longer apply the call, changes reach the own route cache at once.
//
// Thread-safe. Callbacks come exactly once, on a thread of the bookkeeper or the database, or
// inside the call when the answer is known; they must not block.

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "datastore/changes.h"
#include "datastore/lingers.h"
#include "datastore/routes.h"
#include "datastore/store.h"
#include "datastore/windows.h"
#include "datastore/write.h"
#include "observe/log.h"
#include "observe/registry.h"

namespace praefect::datastore {

struct BookkeeperOptions {
  WindowSettings windows;
  std::chrono::milliseconds linger{3'000};           // `replication.linger`
  std::chrono::milliseconds settle_timeout{30'000};  // `replication.settle_timeout`
  RoutesOptions routes;
  // What was settled is remembered for so long, in case that the database loses it.
  std::chrono::milliseconds lost_commits_memory{600'000};
  size_t max_remembered = 200'000;  // repositories of these
  size_t max_batch = 500;           // opens or settles in one statement, ids in one notification
  size_t max_waiting = 10'000;      // opens that wait for a batch; more are refused
  std::string name;                 // of the process, for people
  std::string boot_id;              // of the machine
  // Asked before this process registers: false while nobody has judged the database's schema.
  std::function<bool()> usable = [] { return true; };
  RouteCache::Clock clock = NowSinceBoot;
};

struct BookkeeperEvents {
  // Something of these repositories changed, here or elsewhere: jobs may be due.
  std::function<void(std::span<const int64_t> ids)> changed = [](auto) {};
  // This process was buried (or could not beat for too long) as that instance: calls that were
  // recorded as it are to be cancelled, and ended like others. It goes on as another one.
  std::function<void(int64_t instance)> disowned = [](int64_t) {};
};

class Bookkeeper {
 public:
  // What is referred to outlives it, `registry` also its metrics. Registers as soon as the database
  // takes it; until then writes are unavailable.
  Bookkeeper(Store& store, BookkeeperOptions options, AskNode ask_node, BookkeeperEvents events,
             observe::Logger& logger, observe::Registry& registry);
  // Settles what can be settled at once, leaves the rest to whoever buries it. Takes a few seconds
  // when the database does not answer. Who waits for a settle is told kUnrecorded.
  ~Bookkeeper();
  Bookkeeper(const Bookkeeper&) = delete;
  Bookkeeper& operator=(const Bookkeeper&) = delete;

  // --- Routes ---

  void Find(const RepositoryName& name, Routes::Done done);
  // Whether a route that was found may still be used, as if it were found again now. Lock-free.
  bool Holds(const RoutedRepository& route) const;

  // --- Writes ---

  // `request.intent` is given by the bookkeeper. An open that is answered after its deadline is
  // refused, and its intent dropped.
  void Open(OpenRequest request, db::Deadline deadline, std::function<void(Opened)> done);
  // A creation or adoption: its first row with the intent (`intent` and `instance` are given by the
  // bookkeeper). kRouteAnew: the name or the place was taken meanwhile.
  void Create(Creation creation, db::Deadline deadline,
              std::function<void(Opened, std::string replica_path)> done);
  // The send window: whether the HEADERS, and whether later bytes, may still be handed to the
  // socket. Lock-free.
  bool MaySend(const Write& write) const;
  bool MayFeed(const Write& write) const;
  // Every recorded write is ended once, by one of these two.
  // The node's OK.
  void Settle(const Write& write, std::function<void(Told)> done);
  // Any other end. Of a creation: the name is free at once, its deletes wait for the linger;
  // kNeverSent (and the node's own ALREADY_EXISTS) withdraws the row and deletes nothing. An
  // adoption that succeeded ended with its Change (AdoptFrom): nothing is left to do, and
  // kNeverSent says so.
  void Finish(const Write& write, End end);
  // Whether a write of the repository is open, unrecorded or lingering here or, by the route,
  // elsewhere: InfoRefsReceivePack is then opened like a write.
  bool HasOpenWrites(const Repository& repository) const;

  // --- One repository ---

  // As Store::Change; the own cache forgets it before `done`, and `events.changed` follows.
  void Change(int64_t id, Rule rule, db::Deadline deadline, Callback<Changed> done);
  // As Store::Rename, of the repository that has the name `from`; likewise.
  void Rename(int64_t id, RepositoryName from, std::string to, db::Deadline deadline,
              Callback<Changed> done);
  // As Store::RenameBelow; likewise.
  void RenameBelow(RepositoryName from, std::string to, int limit, db::Deadline deadline,
                   Callback<RenamedBelow> done);
  // A copy or delete that this process began and that did not end well: its replica is released, by
  // this rule of its run (ReleaseRun, RetryRun, ParkRun), when the call can no longer be applied;
  // at once when it was never sent.
  void LoseRun(int64_t repository_id, const RepositoryName& name, const std::string& storage,
               int64_t run, End end, Rule release);

  int64_t instance() const;  // 0: not registered yet
  // The id of a run of this instance, which this process has in hand until it is ended: when its
  // end is in the books, or it never came there. LoseRun ends it, too.
  int64_t BeginRun();
  void EndRun(int64_t run);
  // Why writes would be refused now, for operators; empty: they would not.
  std::string problem() const;
  Store& store();

  // For db::ListenerEvents, where there is PostgreSQL. With the embedded store, which one process
  // uses, routes are proven by being its own.
  void Heard(const std::string& channel, const std::string& payload);
  void ListenerConnected();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace praefect::datastore
