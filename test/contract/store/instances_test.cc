#include "store_fixture.h"

namespace praefect::datastore {
namespace {

TEST_CASE("an instance that stands still is buried by who saw its counter, once") {
  StoreFixture books(EachKind());
  const int64_t other = books.NewInstance();
  const Beat seen = books.BeatOf(other);
  CHECK(books.BeatOf(other).count == seen.count + 1);
  CHECK_FALSE(books.Bury(seen));
  const Beat still = {other, seen.count + 1};
  CHECK(books.Bury(still));
  CHECK_FALSE(books.Bury(still));
  CHECK(books.BeatOf(other).instance == 0);
  CHECK(books.BeatOf(books.instance).instance == books.instance);
}

TEST_CASE("what a buried instance had open lingers, and it opens nothing more") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  const Call call = books.OpenNow(id);
  const int64_t run = books.NextNumber();
  books.Change(id, StartCopyOnto("b", {"a"}, false, run, books.instance));
  CHECK(books.Bury(books.BeatOf(books.instance)));
  const Repository after = books.Get(id);
  CHECK(after.books.intents[0].lingering);
  CHECK(after.books.replicas[after.Position("b")].job.state == JobState::kLingering);
  CHECK_FALSE(books.Open(books.Route(id)));
  CHECK(books.Settle(call, false) == Settled::kNotKept);
  CHECK(books.Get(id).books.intents.empty());
}

}  // namespace
}  // namespace praefect::datastore
