#pragma once

// Where a repository is: from the cache while that is proven, else from the database, one query for
// a name at a time; and from what was known last where the database does not answer.

#include <chrono>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "datastore/route_cache.h"
#include "datastore/store.h"

namespace praefect::datastore {

struct RoutesOptions {
  RouteCacheOptions cache;
  std::chrono::milliseconds route_timeout{1'000};
  size_t max_queries = 256;  // at a time; more are answered as if the database did not
};

struct Routed {
  Route route;                     // null: there is no such repository, or nothing is known of it
  bool cached = false;             // known, and proven: no query was needed
  bool stale = false;              // the database did not answer, and this is what was known last
  std::optional<db::Error> error;  // why it did not
};

// Thread-safe. `store` must outlive it and every query of it.
class Routes {
 public:
  using Done = std::function<void(Routed)>;

  Routes(Store& store, RoutesOptions options, RouteCache::Clock clock)
      : store_(store), options_(options), cache_(options.cache, clock) {}

  // Called before this returns when the route is known, else on a thread of the database.
  void Find(const RepositoryName& name, Done done);

  // Whether a route that was found is still the one of its name, and proven. Lock-free.
  bool Holds(const RoutedRepository& route) const { return cache_.Holds(route); }

  // What this process changed reaches its own cache at once.
  void Changed(std::span<const int64_t> ids) { cache_.Forget(ids); }

  // A beat of this process is about to be handed to the database, as this instance and with this
  // mark.
  void BeatBegins(int64_t instance, int64_t mark, BootTime begun);
  // The listener heard this (db::ListenerEvents). The repositories that have changed.
  std::vector<int64_t> Heard(std::string_view channel, std::string_view payload);
  void Connected() { cache_.Reset(); }

  struct Counters {
    uint64_t queries = 0;
    uint64_t too_many_queries = 0;
    uint64_t stale = 0;  // answers
  };
  Counters counters() const;
  RouteCache& cache() { return cache_; }

 private:
  // False when as many as may be are under way.
  bool JoinOrBegin(const RepositoryName& name, Done done, bool& begins);
  void Query(const RepositoryName& name);
  void Answer(const RepositoryName& name, const Routed& routed);
  Routed Stale(const RepositoryName& name, std::optional<db::Error> error);

  Store& store_;
  const RoutesOptions options_;
  RouteCache cache_;

  mutable observe::Mutex mutex_;
  absl::flat_hash_map<std::string, std::vector<Done>> waiting_ ABSL_GUARDED_BY(mutex_);
  // By instance and mark, not heard yet.
  std::map<std::pair<int64_t, int64_t>, BootTime> beats_ ABSL_GUARDED_BY(mutex_);
  Counters counters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace praefect::datastore
