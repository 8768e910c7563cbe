#include "datastore/route_cache.h"

#include <catch2/catch.hpp>

namespace praefect::datastore {
namespace {

using std::chrono::milliseconds;

class Cache {
 public:
  explicit Cache(RouteCacheOptions options = {}) : cache(options, [this] { return now; }) {
    cache.Prove(now);
  }

  void Fill(const std::string& path, int64_t id) {
    const uint64_t query = cache.BeginQuery();
    End(query, path, id);
  }
  void End(uint64_t query, const std::string& path, int64_t id) {
    Repository repository;
    repository.id = id;
    cache.EndQuery(query, {"default", path}, std::make_shared<RoutedRepository>(repository));
  }
  void Hear(int64_t id) { cache.Forget(std::span(&id, 1)); }
  int64_t Get(const std::string& path) {
    const Route route = cache.Get({"default", path});
    return route == nullptr ? 0 : route->id;
  }

  BootTime now = std::chrono::hours(1);
  RouteCache cache;
};

TEST_CASE("a route counts while the listener is proven") {
  Cache cache;
  cache.Fill("p.git", 1);
  cache.now += milliseconds(2'000);
  CHECK(cache.Get("p.git") == 1);
  cache.now += milliseconds(1);
  CHECK(cache.Get("p.git") == 0);
  CHECK(cache.cache.LastKnown({"default", "p.git"})->id == 1);
  cache.cache.Prove(cache.now - milliseconds(500));
  CHECK(cache.Get("p.git") == 1);
}

TEST_CASE("a route that somebody keeps holds for as long as it would be got") {
  Cache cache;
  cache.Fill("p.git", 1);
  const Route kept = cache.cache.Get({"default", "p.git"});
  CHECK(cache.cache.Holds(*kept));
  SECTION("it was changed") { cache.Hear(1); }
  SECTION("it was read again") { cache.Fill("p.git", 1); }
  SECTION("its name is another repository's") { cache.Fill("p.git", 2); }
  SECTION("nothing proves it any more") { cache.now += milliseconds(2'001); }
  SECTION("notifications may have been missed") {
    cache.cache.Reset();
    cache.cache.Prove(cache.now);
  }
  CHECK_FALSE(cache.cache.Holds(*kept));
}

TEST_CASE("a route that could not be kept does not hold") {
  Cache cache;
  const uint64_t query = cache.cache.BeginQuery();
  cache.Hear(1);
  const auto found = std::make_shared<RoutedRepository>(Repository{.id = 1});
  cache.cache.EndQuery(query, {"default", "p.git"}, found);
  CHECK_FALSE(cache.cache.Holds(*found));
}

TEST_CASE("a proof that arrives late takes nothing back") {
  Cache cache;
  cache.Fill("p.git", 1);
  cache.cache.Prove(cache.now - milliseconds(5'000));
  CHECK(cache.Get("p.git") == 1);
}

TEST_CASE("a change drops every route to the repository") {
  Cache cache;
  cache.Fill("p.git", 1);
  cache.Fill("q.git", 2);
  cache.Hear(1);
  CHECK(cache.Get("p.git") == 0);
  CHECK(cache.Get("q.git") == 2);
  cache.Fill("r.git", 2);
  CHECK(cache.Get("q.git") == 0);
}

TEST_CASE("what changed since its query began is not kept") {
  Cache cache;
  const uint64_t early = cache.cache.BeginQuery();
  cache.Hear(1);
  const uint64_t late = cache.cache.BeginQuery();
  cache.End(early, "p.git", 1);
  CHECK(cache.Get("p.git") == 0);
  CHECK(cache.cache.counters().refused_fills == 1);
  cache.End(late, "p.git", 1);
  CHECK(cache.Get("p.git") == 1);
}

TEST_CASE("a repository that is not there is not kept, and takes along what was known") {
  Cache cache;
  cache.Fill("p.git", 1);
  cache.cache.EndQuery(cache.cache.BeginQuery(), {"default", "p.git"}, nullptr);
  CHECK(cache.cache.LastKnown({"default", "p.git"}) == nullptr);
}

TEST_CASE("after a lost connection nothing counts until a beat was heard") {
  Cache cache;
  const uint64_t query = cache.cache.BeginQuery();
  cache.Fill("p.git", 1);
  cache.cache.Reset();
  cache.End(query, "q.git", 2);
  CHECK(cache.Get("p.git") == 0);
  cache.cache.Prove(cache.now);
  CHECK(cache.Get("p.git") == 0);
  CHECK(cache.Get("q.git") == 0);
  cache.Fill("p.git", 1);
  CHECK(cache.Get("p.git") == 1);
}

TEST_CASE("routes and what was heard are bounded, and what is dropped is counted") {
  Cache cache({.max_routes = 2, .max_heard = 2});
  for (int64_t id = 1; id <= 3; ++id) cache.Fill(std::to_string(id), id);
  CHECK(cache.cache.counters().evicted == 1);
  const uint64_t query = cache.cache.BeginQuery();
  for (int64_t id = 10; id < 13; ++id) cache.Hear(id);
  cache.End(query, "p.git", 4);
  CHECK(cache.Get("p.git") == 0);
  cache.Fill("p.git", 4);
  CHECK(cache.Get("p.git") == 4);
}

}  // namespace
}  // namespace praefect::datastore
