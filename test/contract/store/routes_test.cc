#include "datastore/routes.h"

#include <thread>

#include "datastore/rules.h"
#include "db/listener.h"
#include "store_fixture.h"

namespace praefect::datastore {
namespace {

// Two Praefects: the first one's routes listen to what the other one changes.
class TwoInstances : public StoreFixture {
 public:
  TwoInstances() : StoreFixture(db::Kind::kPostgres), routes(*store, {}, NowSinceBoot) {
    db::ListenerOptions listening{.endpoint = options.endpoint,
                                  .channels = {kChangesChannel, kBeatsChannel}};
    db::ListenerEvents events{
        .connected = [this] { routes.Connected(), connected.set_value(); },
        .notified = [this](const auto& channel,
                           const auto& payload) { routes.Heard(channel, payload); },
        .disconnected = [](const db::Error&) {}};
    listener = db::Listen(listening, events, *database, log);
    connected.get_future().get();
    id = Make("p.git");
  }

  // One beat; its notification proves what was heard before it.
  void Beat() {
    const int64_t mark = ++mark_;
    routes.BeatBegins(instance, mark, NowSinceBoot());
    Await<std::vector<datastore::Beat>>(
        [&](auto done) { store->RaiseBeat(instance, mark, db::Soon(), std::move(done)); });
  }
  Routed Find() {
    std::promise<Routed> found;
    routes.Find({"default", "p.git"}, [&](Routed routed) { found.set_value(std::move(routed)); });
    return found.get_future().get();
  }
  bool BecomesCached() {
    return Becomes([&] {
      Beat();
      Find();
      return IsCached();
    });
  }
  bool IsCached() { return routes.cache().Get({"default", "p.git"}) != nullptr; }
  bool Becomes(const std::function<bool()>& condition) {
    const auto deadline = db::Soon();
    while (std::chrono::steady_clock::now() < deadline) {
      if (condition()) return true;
      std::this_thread::yield();
    }
    return false;
  }

  Routes routes;
  std::promise<void> connected;
  int64_t id = 0;
  std::unique_ptr<db::Listener> listener;

 private:
  int64_t mark_ = 0;
};

TEST_CASE("a route is read once while beats are heard, and costs no statement then") {
  TwoInstances two;
  REQUIRE(two.BecomesCached());
  const uint64_t before = two.counters().statements;
  CHECK(two.Find().route->id == two.id);
  CHECK(two.counters().statements == before);
}

TEST_CASE("an open, a completed copy, a promotion and a rename drop the route everywhere") {
  TwoInstances two;
  const auto drops = [&](auto change) {
    REQUIRE(two.BecomesCached());
    change();
    return two.Becomes([&] { return !two.IsCached(); });
  };
  Call call;
  CHECK(drops([&] { call = two.OpenNow(two.id); }));
  two.Settle(call);
  CHECK(drops([&] { two.Copy(two.id, "b"); }));
  CHECK(drops([&] { two.Change(two.id, PromoteTo("b", true)); }));
  CHECK(drops([&] { two.Rename("p.git", "q.git"); }));
  CHECK(two.Find().route == nullptr);
}

TEST_CASE("who asks for a name that is being looked up waits for that answer") {
  TwoInstances two;
  const uint64_t before = two.routes.counters().queries;
  std::vector<std::future<Routed>> answers;
  std::vector<std::promise<Routed>> promises(20);
  for (std::promise<Routed>& promise : promises) {
    answers.push_back(promise.get_future());
    two.routes.Find({"default", "p.git"}, [&](Routed routed) { promise.set_value(routed); });
  }
  for (auto& answer : answers) CHECK(answer.get().route->id == two.id);
  CHECK(two.routes.counters().queries - before < 20);
}

TEST_CASE("without a database the last known route is served, and said to be stale") {
  StoreFixture books(db::Kind::kPostgres);
  const int64_t id = books.Make("p.git");
  BootTime now = NowSinceBoot();
  Routes routes(*books.store, {.route_timeout = std::chrono::milliseconds(200)},
                [&] { return now; });
  const auto find = [&](const std::string& path) {
    std::promise<Routed> found;
    routes.Find({"default", path}, [&](Routed routed) { found.set_value(std::move(routed)); });
    return found.get_future().get();
  };
  CHECK(find("p.git").route->id == id);
  books.Run("ALTER TABLE repositories RENAME TO elsewhere");
  const Routed stale = find("p.git");
  CHECK(stale.stale);
  CHECK(stale.route->id == id);
  CHECK(stale.error);
  CHECK(find("q.git").route == nullptr);
}

}  // namespace
}  // namespace praefect::datastore
