#include "datastore/overview.h"

#include <fmt/format.h>

#include "store_fixture.h"

namespace praefect::datastore {
namespace {

class OverviewFixture : public StoreFixture {
 public:
  explicit OverviewFixture(db::Kind kind) : StoreFixture(kind), overview(*database) {}

  ReplicaCounts On(const std::string& storage) {
    const auto all = Await<std::vector<ReplicaCounts>>(
        [&](auto done) { overview.Replicas(db::Soon(), std::move(done)); });
    for (const ReplicaCounts& counts : all) {
      if (counts.storage == storage) return counts;
    }
    return {};
  }
  // "STORAGE KIND STATE COUNT ERROR"
  std::vector<std::string> Jobs() {
    std::vector<std::string> texts;
    for (const JobCounts& jobs : Await<std::vector<JobCounts>>(
             [&](auto done) { overview.Jobs(db::Soon(), std::move(done)); })) {
      CHECK(jobs.oldest < std::chrono::minutes(10));
      texts.push_back(fmt::format("{} {} {} {} {}", jobs.storage, static_cast<int>(jobs.kind),
                                  static_cast<int>(jobs.state), jobs.count, jobs.last_error));
    }
    return texts;
  }
  IntentCounts Intents() {
    return Await<IntentCounts>([&](auto done) { overview.Intents(db::Soon(), std::move(done)); });
  }
  std::vector<Unavailable> UnavailableOn(std::vector<std::string> healthy, int64_t after = 0,
                                         int limit = 10) {
    return Await<std::vector<Unavailable>>([&](auto done) {
      overview.UnavailableOn("default", healthy, after, limit, db::Soon(), std::move(done));
    });
  }

  Overview overview;
};

TEST_CASE("replicas are counted by what they hold") {
  OverviewFixture books(EachKind());
  books.Make("p.git");
  const int64_t behind = books.Make("q.git");
  const int64_t none = books.Make("r.git");
  const int64_t suspect = books.Make("s.git");
  books.Write(behind);
  books.Change(none, WithdrawClaimOf("b"));
  books.Change(suspect, SuspectStorage("b", "disk-1"));
  const int64_t gone = books.Make("t.git");
  books.Change(gone, RemoveRepository());
  CHECK(books.On("a") == ReplicaCounts{"default", "a", 4, 0, 0, 0, 4});
  CHECK(books.On("b") == ReplicaCounts{"default", "b", 1, 1, 1, 1, 0});
}

TEST_CASE("jobs are counted by state, with the error of the one that failed last") {
  OverviewFixture books(EachKind());
  for (const char* path : {"p.git", "q.git", "r.git"}) {
    const int64_t id = books.Make(path);
    books.Write(id);
    books.Copy(id, "c");
    if (path[0] == 'p') continue;
    books.Change(id, ParkJob("b", std::string("no ") + path));
  }
  CHECK(books.Jobs() == std::vector<std::string>{"b 0 4 2 no r.git", "b 0 1 1 "});
}

TEST_CASE("intents are counted") {
  OverviewFixture books(EachKind());
  CHECK(books.Intents().open == 0);
  const int64_t id = books.Make("p.git");
  const Call lost = books.OpenNow(id);
  books.OpenNow(id);
  books.Change(id, LetIntentLinger(lost.intent));
  const IntentCounts counts = books.Intents();
  CHECK(counts.open == 1);
  CHECK(counts.lingering == 1);
  CHECK(counts.oldest < std::chrono::minutes(10));
}

TEST_CASE("what no healthy storage holds is unavailable") {
  OverviewFixture books(EachKind());
  const int64_t everywhere = books.Make("p.git");
  const int64_t behind = books.Make("q.git");
  books.Write(behind);
  const int64_t unacknowledged = books.Make("r.git");
  books.Write(unacknowledged, false);
  CHECK(books.UnavailableOn({"a"}).empty());
  CHECK(books.UnavailableOn({"b", "c"}) == std::vector{Unavailable{behind, "q.git", "a"}});
  CHECK(books.UnavailableOn({}, everywhere, 1) == std::vector{Unavailable{behind, "q.git", "a"}});
  CHECK(books.UnavailableOn({}).size() == 3);
}

}  // namespace
}  // namespace praefect::datastore
