#include "bookkeeper_fixture.h"

namespace praefect::datastore {
namespace {

// What a Praefect that died left: a write, and a copy.
struct Legacy {
  explicit Legacy(StoreFixture& books) : id(books.Make("p.git")) {
    books.Write(id);
    books.OpenNow(id);
    books.Change(id, StartCopyOnto("b", {"a"}, false, books.NextNumber(), books.instance));
    generation = books.Get(id).books.generation;
  }

  bool Gone(StoreFixture& books) const {
    const Repository now = books.Get(id);
    return now.books.intents.empty() &&
           now.books.replicas[now.Position("b")].job.state == JobState::kReady;
  }

  int64_t id;
  int64_t generation = 0;
};

BookkeeperOptions LingeringShortly() {
  BookkeeperOptions options = KeeperFixture::Options();
  options.windows.lost_linger = KeeperFixture::kShort;
  return options;
}

std::unique_ptr<db::Listener> Listen(KeeperFixture& books) {
  Bookkeeper& keeper = *books.praefect->keeper;
  db::ListenerOptions options{.endpoint = books.options.endpoint,
                              .channels = {kChangesChannel, kBeatsChannel}};
  db::ListenerEvents events{
      .connected = [&keeper] { keeper.ListenerConnected(); },
      .notified = [&keeper](const auto& channel,
                            const auto& payload) { keeper.Heard(channel, payload); },
      .disconnected = [](const db::Error&) {}};
  return db::Listen(options, events, *books.database, books.log);
}

TEST_CASE("routes are proven at once after a start and a lost listener, not a beat later") {
  BookkeeperOptions options = KeeperFixture::Options();
  options.windows.beat = std::chrono::minutes(10);
  KeeperFixture books(EitherEngine(), options);
  const bool embedded = books.store->engine() == db::Engine::kSqlite;
  const auto listener = embedded ? nullptr : Listen(books);
  books.Make("p.git");
  const auto is_cached = [&] {
    std::promise<Routed> found;
    books.praefect->keeper->Find({"default", "p.git"},
                                 [&](Routed routed) { found.set_value(std::move(routed)); });
    return found.get_future().get().cached;
  };
  CHECK(Becomes(is_cached));
  books.praefect->keeper->ListenerConnected();
  CHECK(Becomes(is_cached));
}

TEST_CASE("one that was buried cancels, settles under its old id, and goes on under a new one") {
  KeeperFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  Bookkeeper& keeper = *books.praefect->keeper;
  const int64_t old = keeper.instance();
  books.Settle(books.Open(id));
  const datastore::Write write = books.Open(id);
  REQUIRE(Becomes([&] { return books.Bury(books.BeatOf(old)); }));
  CHECK(Becomes([&] { return books.praefect->Disowned(old); }));
  CHECK(books.praefect->BecomesReady());
  CHECK(keeper.instance() > old);
  CHECK_FALSE(keeper.MaySend(write));
  CHECK_FALSE(keeper.MayFeed(write));
  CHECK(books.Settle(write) == Told::kAcknowledged);
  CHECK(books.Settle(books.Open(id)) == Told::kAcknowledged);
  CHECK(books.Generation(id) == 4);
}

TEST_CASE("one that stood still for longer than the send window sends nothing it opened before") {
  KeeperFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  Bookkeeper& keeper = *books.praefect->keeper;
  const int64_t old = keeper.instance();
  const datastore::Write write = books.Open(id);
  books.praefect->Freeze(std::chrono::seconds(25));
  CHECK_FALSE(keeper.MaySend(write));
  CHECK(keeper.MayFeed(write));
  CHECK(books.praefect->BecomesReady());
  CHECK_FALSE(keeper.MaySend(write));
  CHECK(keeper.MaySend(books.Open(id)));
  CHECK(keeper.instance() == old);
}

TEST_CASE("one that stood still for longer than calls are fed starts over by itself") {
  KeeperFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  Bookkeeper& keeper = *books.praefect->keeper;
  const int64_t old = keeper.instance();
  const datastore::Write write = books.Open(id);
  books.praefect->Freeze(std::chrono::seconds(61));
  CHECK_FALSE(keeper.MayFeed(write));
  CHECK(Becomes([&] { return books.praefect->Disowned(old); }));
  CHECK(books.praefect->BecomesReady());
  CHECK(keeper.instance() > old);
  CHECK(books.praefect->Metric("gitaly_praefect_instance_disowned_total") == 1);
}

TEST_CASE("an instance that stands still is buried, and what it left is settled") {
  StoreFixture books(db::Kind::kPostgres);
  const Legacy legacy(books);
  BookkeeperOptions options = LingeringShortly();
  options.windows.beats_until_burial = 5;
  Praefect praefect(*books.store, books.log, options);
  CHECK(Becomes([&] { return legacy.Gone(books); }));
  CHECK(books.Get(legacy.id).books.generation == legacy.generation + 1);
  CHECK(praefect.Metric("gitaly_praefect_instances_buried_total") == 1);
  CHECK(praefect.Metric("gitaly_praefect_intents_recovered_total") == 2);
}

TEST_CASE("two that settle what a third left do not settle it again and again") {
  StoreFixture books(db::Kind::kPostgres);
  const Legacy legacy(books);
  REQUIRE(books.Bury(books.BeatOf(books.instance)));
  BookkeeperOptions options = LingeringShortly();
  options.windows.beats_until_burial = 20;  // looks every 200 ms, and may bury the other one
  Praefect one(*books.store, books.log, options);
  Praefect two(*books.store, books.log, options);
  CHECK(Becomes([&] { return legacy.Gone(books); }));
  const auto beats = [&] { return two.Metric("gitaly_praefect_beats_total", "ok"); };
  const double until = beats() + 100;
  CHECK(Becomes([&] { return beats() >= until; }));
  CHECK(books.Get(legacy.id).books.generation <= legacy.generation + 2);
}

TEST_CASE("the embedded store's user buries its predecessor, and lingers shortly on its machine") {
  StoreFixture books(db::Kind::kSqlite);
  const Legacy legacy(books);
  BookkeeperOptions options = KeeperFixture::Options();
  options.boot_id = GENERATE("boot", "another boot");
  Praefect praefect(*books.store, books.log, options);
  CHECK(praefect.BecomesReady());
  CHECK(books.Get(legacy.id).books.intents[0].lingering);
  if (options.boot_id == "boot") {
    CHECK(Becomes([&] { return legacy.Gone(books); }));
  } else {
    CHECK(praefect.Looks(6));
    CHECK_FALSE(legacy.Gone(books));
  }
}

TEST_CASE("the creation of a dead instance frees its name at once, and its adoption everything") {
  StoreFixture books(EitherEngine());
  const Created created = books.Record("p.git", "a", books.NextNumber());
  const Created adopted = books.Record("q.git", "", books.NextNumber());
  REQUIRE(books.Bury(books.BeatOf(books.instance)));
  Praefect praefect(*books.store, books.log, LingeringShortly());
  CHECK(Becomes([&] { return !books.FindName("p.git"); }));
  CHECK(Becomes([&] { return !books.Exists(adopted.id); }));
  CHECK(Becomes([&] { return books.Get(created.id).books.intents.empty(); }));
}

TEST_CASE("a write of another instance counts as open by the route") {
  KeeperFixture books(db::Kind::kPostgres);
  const int64_t id = books.Make("p.git");
  CHECK_FALSE(books.praefect->keeper->HasOpenWrites(books.Get(id)));
  books.OpenNow(id);
  CHECK(books.praefect->keeper->HasOpenWrites(books.Get(id)));
}

}  // namespace
}  // namespace praefect::datastore
