#include "bookkeeper_fixture.h"

namespace praefect::datastore {
namespace {

TEST_CASE("a write is recorded, settled and acknowledged") {
  KeeperFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  const datastore::Write write = books.Open(id);
  CHECK(write.instance == books.praefect->keeper->instance());
  CHECK(books.praefect->keeper->MaySend(write));
  CHECK(books.praefect->keeper->HasOpenWrites(books.Get(id)));
  CHECK(books.Settle(write) == Told::kAcknowledged);
  const Repository after = books.Get(id);
  CHECK(after.books.acknowledged == after.books.generation);
  CHECK(after.books.intents.empty());
  CHECK_FALSE(books.praefect->keeper->HasOpenWrites(after));
}

TEST_CASE("a write costs two statements with PostgreSQL, however many go at a time") {
  KeeperFixture books(db::Kind::kPostgres,
                      {.windows = {.beat = std::chrono::seconds(4), .beats_until_burial = 2}});
  std::vector<Call> calls;
  for (int i = 0; i < 40; ++i) calls.push_back(books.Route(books.Make(std::to_string(i) + ".git")));
  Bookkeeper& keeper = *books.praefect->keeper;
  const auto count = [&] { return books.counters().statements.load(); };
  const RepositoryName name = books.Get(calls[0].id).name;
  const double beats = books.praefect->Metric("gitaly_praefect_beats_total");
  const uint64_t before = count();
  CHECK(books.Settle(books.praefect->Open(calls[0], name).write) == Told::kAcknowledged);
  const double beaten = books.praefect->Metric("gitaly_praefect_beats_total") - beats;
  CHECK(static_cast<double>(count() - before) <= 2 + 3 * (beaten + 1));
  std::vector<std::promise<Told>> told(calls.size());
  const uint64_t begun = count();
  for (size_t i = 0; i < calls.size(); ++i) {
    keeper.Open({.repository_id = calls[i].id,
                 .name = {"default", std::to_string(i) + ".git"},
                 .storage = "a",
                 .term = calls[i].term},
                db::Soon(), [&, i](Opened opened) {
                  keeper.Settle(opened.write, [&, i](Told is) { told[i].set_value(is); });
                });
  }
  for (auto& each : told) CHECK(each.get_future().get() == Told::kAcknowledged);
  CHECK(count() - begun < calls.size());
}

TEST_CASE("what the database answers too late is refused, and dropped when it was recorded") {
  KeeperFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.unreliable.HoldAnswerTo("write_intents");
  const Opened opened =
      books.praefect->Open(books.Route(id), books.Get(id).name, KeeperFixture::kShort);
  CHECK(opened.result == Opened::kUnavailable);
  CHECK(opened.why.find("in time") != opened.why.npos);
  REQUIRE(Becomes([&] { return books.unreliable.Holds(); }));
  books.unreliable.Release();
  CHECK(Becomes([&] { return books.Intents(id) == 0; }));
  CHECK(books.Generation(id) == 1);
  CHECK(books.Settle(books.Open(id)) == Told::kAcknowledged);
}

TEST_CASE("an open whose answer was lost is refused, and dropped when it can be there no more") {
  BookkeeperOptions options = KeeperFixture::Options();
  options.windows.send = std::chrono::seconds(2);
  KeeperFixture books(EitherEngine(), options);
  const int64_t id = books.Make("p.git");
  books.unreliable.LoseAnswerTo("write_intents");
  const Opened opened =
      books.praefect->Open(books.Route(id), books.Get(id).name, std::chrono::seconds(2));
  CHECK(opened.result == Opened::kUnavailable);
  CHECK(books.Intents(id) == 1);
  CHECK(Becomes([&] { return books.Intents(id) == 0; }));
  CHECK(books.Generation(id) == 1);
}

TEST_CASE("a settle whose answer was lost is repeated under its number and counts once") {
  KeeperFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  const datastore::Write write = books.Open(id);
  books.unreliable.LoseAnswerTo("settled_batches");
  CHECK(books.Settle(write) == Told::kAcknowledged);
  CHECK(books.Generation(id) == 2);
  CHECK(books.Get(id).books.acknowledged == 2);
  CHECK(books.log.Has("ends of writes cannot be recorded"));
}

TEST_CASE("while the database is away writes are refused, and what was applied is settled later") {
  BookkeeperOptions options = KeeperFixture::Options();
  options.settle_timeout = std::chrono::milliseconds(200);
  KeeperFixture books(EitherEngine(), options);
  const int64_t id = books.Make("p.git");
  const Call call = books.Route(id);
  const RepositoryName name = books.Get(id).name;
  const datastore::Write write = books.Open(id);
  books.unreliable.GoAway(true);
  CHECK(books.Settle(write) == Told::kUnrecorded);
  const Opened opened = books.praefect->Open(call, name);
  CHECK(opened.result == Opened::kUnavailable);
  CHECK(opened.why.find("192.0.2.1") == opened.why.npos);
  CHECK(books.praefect->keeper->HasOpenWrites(books.Get(id)));
  books.unreliable.GoAway(false);
  CHECK(Becomes([&] { return books.Intents(id) == 0; }));
  CHECK(books.Generation(id) == 2);
  CHECK(books.Get(id).books.acknowledged == 1);
  CHECK(books.praefect->Metric("gitaly_praefect_settles_unrecorded_total") == 1);
}

TEST_CASE("no more opens wait than may, and none is sent that the books contradict") {
  BookkeeperOptions options = KeeperFixture::Options();
  options.max_waiting = 1;
  KeeperFixture books(EitherEngine(), options);
  const int64_t id = books.Make("p.git");
  const Call call = books.Route(id);
  const RepositoryName name = books.Get(id).name;
  books.unreliable.HoldAnswerTo("write_intents");
  std::promise<Opened> first, second;
  const auto open = [&](std::promise<Opened>& promise) {
    books.praefect->keeper->Open(
        {.repository_id = id, .name = name, .storage = "b", .term = call.term}, db::Soon(),
        [&](Opened opened) { promise.set_value(std::move(opened)); });
  };
  open(first);
  open(second);
  CHECK(books.praefect->Open(call, name).why == "too many writes wait to be recorded");
  CHECK(books.praefect->Metric("gitaly_praefect_opens_refused_total", "too_many_waiting") == 1);
  REQUIRE(Becomes([&] { return books.unreliable.Holds(); }));
  books.unreliable.Release();
  CHECK(first.get_future().get().result == Opened::kRouteAnew);
  CHECK(second.get_future().get().result == Opened::kRouteAnew);
}

TEST_CASE("a route that is known and proven costs no statement; one of a changed repository does") {
  KeeperFixture books(db::Kind::kSqlite);
  const int64_t id = books.Make("p.git");
  const auto find = [&] {
    std::promise<Routed> found;
    books.praefect->keeper->Find({"default", "p.git"},
                                 [&](Routed routed) { found.set_value(std::move(routed)); });
    return found.get_future().get();
  };
  CHECK(Becomes([&] { return find().cached; }));
  books.Finish(books.Open(id), End::kNeverSent);
  const Routed after = find();
  CHECK_FALSE(after.cached);
  CHECK(after.route->id == id);
  CHECK(books.praefect->Metric("gitaly_praefect_uptodate_storages_cache_access_total", "hit") >= 1);
}

}  // namespace
}  // namespace praefect::datastore
