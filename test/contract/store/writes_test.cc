#include "datastore/rules.h"
#include "store_fixture.h"

namespace praefect::datastore {
namespace {

TEST_CASE("an acknowledged write is the primary's alone until it is copied") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  const int64_t before = books.Get(id).books.generation;
  CHECK(books.Write(id) == Settled::kAcknowledged);
  const Repository after = books.Get(id);
  CHECK(after.books.generation == before + 1);
  CHECK(after.books.acknowledged == before + 1);
  CHECK(IsCurrent(after.books, after.Position("a")));
  CHECK_FALSE(IsComplete(after.books, after.Position("b")));
  CHECK(after.books.replicas[after.Position("b")].job.wanted == before + 1);
  CHECK(after.books.intents.empty());
}

TEST_CASE("an open is refused when name, primary, term or state are not what was routed") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  const Call call = books.Route(id);
  CHECK_FALSE(books.Open({call.intent, id, "b", call.term}));
  CHECK_FALSE(books.Open({call.intent, id, "a", call.term + 1}));
  books.Change(id, RemoveRepository());
  CHECK_FALSE(books.Open(call));
}

TEST_CASE("an open goes by the name that the client used") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  const OpenRequest stale{.intent = books.NextNumber(),
                          .repository_id = id,
                          .name = {"default", "old.git"},
                          .storage = "a",
                          .term = books.Get(id).books.term};
  std::promise<std::vector<bool>> opened;
  books.store->Open(books.instance, {stale}, db::Soon(),
                    [&](auto result) { opened.set_value(result.value); });
  CHECK(opened.get_future().get() == std::vector{false});
}

TEST_CASE("a write that was opened in an earlier term is settled, and acknowledges nothing") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  const Call call = books.OpenNow(id);
  CHECK(books.Change(id, PromoteTo("b", true)) == Changed::kRefused);
  CHECK(books.Change(id, PromoteTo("b", false)) == Changed::kDone);
  const int64_t before = books.Get(id).books.generation;
  CHECK(books.Settle(call) == Settled::kNotKept);
  const Repository after = books.Get(id);
  CHECK(after.books.generation == before + 1);
  CHECK(after.books.acknowledged == before);
  CHECK(after.books.replicas[after.Position("a")].job.state == JobState::kReady);
}

TEST_CASE("a batch of settlements is applied once, however often it is sent") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  const Call call = books.OpenNow(id);
  CHECK(books.SettleAs(7, call) == Settled::kAcknowledged);
  const std::string once = Dump(books.Get(id));
  CHECK(books.SettleAs(7, call) == Settled::kAcknowledged);
  CHECK(Dump(books.Get(id)) == once);
  books.Change(id, WithdrawClaimOf("a"));
  CHECK(books.SettleAs(7, call) == Settled::kNotKept);
}

TEST_CASE("a client that was told otherwise acknowledges nothing") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  CHECK(books.Settle(books.OpenNow(id), true, true) == Settled::kNotKept);
  const Repository after = books.Get(id);
  CHECK(after.books.acknowledged + 1 == after.books.generation);
}

TEST_CASE("two writes of one repository in one batch raise its generation once") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  const Call first = books.OpenNow(id);
  const Call second = books.OpenNow(id);
  const int64_t before = books.Get(id).books.generation;
  std::promise<std::vector<Settled>> settled;
  books.store->Settle(
      books.instance, 1,
      {{first.intent, id, "a", first.term, true}, {second.intent, id, "a", second.term}},
      db::Soon(), [&](auto result) { settled.set_value(result.value); });
  CHECK(settled.get_future().get() == std::vector{Settled::kAcknowledged, Settled::kNotKept});
  CHECK(books.Get(id).books.generation == before + 1);
}

TEST_CASE("a write needs its additional repository to be current on the same node") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  const int64_t pool = books.Make("pool.git");
  CHECK(books.Open(books.Route(id), pool));
  books.Change(pool, WithdrawClaimOf("a"));
  CHECK_FALSE(books.Open(books.Route(id), pool));
}

TEST_CASE("an intent that never reached its node goes without a trace") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  const std::string before = Dump(books.Get(id));
  const Call call = books.OpenNow(id);
  std::promise<bool> dropped;
  books.store->DropIntents({call.intent}, db::Soon(),
                           [&](auto result) { dropped.set_value(result.ok()); });
  CHECK(dropped.get_future().get());
  CHECK(Dump(books.Get(id)) == before);
}

TEST_CASE("a settle for a repository whose row is gone does nothing") {
  StoreFixture books(EachKind());
  CHECK(books.Settle({1, 4'711, "a", 1}) == Settled::kGone);
}

TEST_CASE("a write costs two statements, an uncached route one") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  const Call call = books.Route(id);
  const OpenRequest request{call.intent, id, {"default", "p.git"}, "a", call.term, {}};
  const uint64_t before = books.counters().statements;
  const uint64_t committed = books.counters().committed;
  Await<std::vector<bool>>([&](auto done) {
    books.store->Open(books.instance, {request}, db::Soon(), std::move(done));
  });
  books.Settle(call);
  const uint64_t written = books.counters().statements;
  if (books.database->engine() == db::Engine::kPostgres) CHECK(written - before == 2);
  CHECK(books.counters().committed - committed == 2);
  books.FindName("p.git");
  CHECK(books.counters().statements == written + 1);
}

TEST_CASE("no lock outlives its operation, and a change holds one for two round trips") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  const uint64_t before = books.counters().committed;
  bool held = false;
  books.Change(id, [&](Repository& repository) {
    held = books.IsLocked(id);
    return WithdrawClaimOf("c")(repository);
  });
  CHECK(books.counters().committed - before == 1);
  CHECK(held);
  CHECK_FALSE(books.IsLocked(id));
  const Call call = books.OpenNow(id);
  CHECK_FALSE(books.IsLocked(id));
  books.Settle(call);
  CHECK_FALSE(books.IsLocked(id));
}

}  // namespace
}  // namespace praefect::datastore
