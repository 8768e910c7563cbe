#pragma once

// Routes that were read from the database, with the proof that they still hold: whatever changes a
// route notifies, PostgreSQL delivers notifications in the order of commits, and each instance's
// beat notifies itself. So when the notification of a beat arrives, everything that was committed
// before the beat was sent has been heard.

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "datastore/repository.h"
#include "datastore/windows.h"
#include "observe/mutex.h"

namespace praefect::datastore {

struct RouteCacheOptions {
  std::chrono::milliseconds proof{2'000};  // how long one lasts
  size_t max_routes = 100'000;             // more: one makes room
  size_t max_heard = 100'000;              // notifications remembered for queries under way
};

// As a query found it. Whoever keeps one asks RouteCache::Holds.
struct RoutedRepository : Repository {
  explicit RoutedRepository(Repository repository) : Repository(std::move(repository)) {}

  mutable std::atomic<bool> cached{false};  // the cache's
};
using Route = std::shared_ptr<const RoutedRepository>;

// Thread-safe.
class RouteCache {
 public:
  using Clock = std::function<BootTime()>;

  RouteCache(RouteCacheOptions options, Clock clock)
      : options_(options), clock_(std::move(clock)) {}

  // A proven route, or nothing.
  Route Get(const RepositoryName& name) const;
  // Whether a route that was got before is still what Get would return. Lock-free.
  bool Holds(const RoutedRepository& route) const;
  // The last one known, proven or not: for when the database does not answer.
  Route LastKnown(const RepositoryName& name) const;

  // A query: begins before its statement is handed to the database, and is to be ended. What it
  // returned is kept only if nothing was heard of that repository since it began. A repository that
  // was not found is not kept, and what was known of that name goes.
  uint64_t BeginQuery();
  void EndQuery(uint64_t query, const RepositoryName& name, const Route& found);
  void DropQuery(uint64_t query);  // it failed

  // Something was notified, or changed by ourselves: every route to these goes.
  void Forget(std::span<const int64_t> ids);
  // The notification of a beat arrived that was handed to the database at this time.
  void Prove(BootTime beat_begun);
  // Notifications may have been missed: nothing is proven until the next beat is heard, and routes
  // go.
  void Reset();

  struct Counters {
    uint64_t evicted = 0;        // for want of room
    uint64_t refused_fills = 0;  // changed since their query began
  };
  Counters counters() const;

 private:
  // Absl's hash of a name without copying it.
  struct NameHash {
    size_t operator()(const RepositoryName& name) const;
  };

  bool IsProven() const;
  void EraseLocked(int64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void InsertLocked(const RepositoryName& name, const Route& route)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndLocked(uint64_t query) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const RouteCacheOptions options_;
  const Clock clock_;

  static constexpr BootTime::rep kNever = BootTime::min().count();
  std::atomic<BootTime::rep> proven_{kNever};  // written under mutex_

  mutable observe::Mutex mutex_;
  absl::flat_hash_map<RepositoryName, Route, NameHash> routes_ ABSL_GUARDED_BY(mutex_);
  // The name under which a repository is kept; one at a time.
  absl::flat_hash_map<int64_t, RepositoryName> names_ ABSL_GUARDED_BY(mutex_);
  // Everything heard gets a number; queries remember the last one before they began.
  uint64_t heard_count_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<int64_t, uint64_t> heard_ ABSL_GUARDED_BY(mutex_);
  // Queries begun before this cannot be judged: what they missed was forgotten.
  uint64_t judged_from_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, int> queries_ ABSL_GUARDED_BY(mutex_);
  Counters counters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace praefect::datastore
