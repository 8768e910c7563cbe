#include "bookkeeper_fixture.h"

namespace praefect::datastore {
namespace {

TEST_CASE("a write is recorded, settled and acknowledged") {
  KeeperFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  const datastore::Write write = books.Open(id);
  CHECK(write.instance == books.praefect.keeper->instance());
  CHECK(books.praefect.keeper->MaySend(write));
  CHECK(books.praefect.keeper->HasOpenWrites(books.Get(id)));
  CHECK(books.Settle(write) == Told::kAcknowledged);
  const Repository after = books.Get(id);
  CHECK(after.books.acknowledged == after.books.generation);
  CHECK(after.books.intents.empty());
  CHECK_FALSE(books.praefect.keeper->HasOpenWrites(after));
}

TEST_CASE("a write costs two statements with PostgreSQL, however many go at a time") {
  KeeperFixture books(db::Kind::kPostgres,
                      {.windows = {.beat = std::chrono::seconds(4), .beats_until_burial = 2}});
  std::vector<Call> calls;
  for (int i = 0; i < 40; ++i) calls.push_back(books.Route(books.Make(std::to_string(i) + ".git")));
  Bookkeeper& keeper = *books.praefect.keeper;
  const auto count = [&] { return books.counters().statements.load(); };
  const RepositoryName name = books.Get(calls[0].id).name;
  const double beats = books.praefect.Metric("gitaly_praefect_beats_total");
  const uint64_t before = count();
  CHECK(books.Settle(books.praefect.Open(calls[0], name).write) == Told::kAcknowledged);
  const double beaten = books.praefect.Metric("gitaly_praefect_beats_total") - beats;
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

}  // namespace
}  // namespace praefect::datastore
