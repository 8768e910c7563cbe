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
  std::vector<RepositoryCounts> Repositories() {
    return Await<std::vector<RepositoryCounts>>(
        [&](auto done) { overview.Repositories(db::Soon(), std::move(done)); });
  }
  std::vector<ParkedJob> Parked(int limit) {
    return Await<std::vector<ParkedJob>>(
        [&](auto done) { overview.Parked(limit, db::Soon(), std::move(done)); });
  }
  WaitingDeletes DeletesOn(const std::string& storage, int limit) {
    return Await<WaitingDeletes>([&](auto done) {
      overview.DeletesOn("default", storage, limit, db::Soon(), std::move(done));
    });
  }
  Overview::Times VerifiedAt(int64_t id) {
    return Await<Overview::Times>(
        [&](auto done) { overview.VerifiedAt(id, db::Soon(), std::move(done)); });
  }
  int64_t CountUnavailableOn(std::vector<std::string> healthy) {
    return Await<int64_t>([&](auto done) {
      overview.CountUnavailableOn("default", healthy, db::Soon(), std::move(done));
    });
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

TEST_CASE("repositories are counted, and those of which a replica is behind") {
  OverviewFixture books(EachKind());
  CHECK(books.Repositories().empty());
  books.Make("p.git");
  const int64_t behind = books.Make("q.git");
  books.Write(behind);
  books.Change(books.Make("r.git"), WithdrawClaimOf("b"));
  books.Change(books.Make("s.git"), RemoveRepository());
  CHECK(books.Repositories() == std::vector{RepositoryCounts{"default", 3, 2}});
  books.Copy(behind, "b");
  CHECK(books.Repositories() == std::vector{RepositoryCounts{"default", 3, 2}});
  books.Copy(behind, "c");
  CHECK(books.Repositories() == std::vector{RepositoryCounts{"default", 3, 1}});
}

TEST_CASE("parked jobs are listed, the last one first") {
  OverviewFixture books(EachKind());
  for (const char* path : {"p.git", "q.git", "r.git"}) {
    const int64_t id = books.Make(path);
    books.Write(id);
    books.Change(id, ParkJob("b", std::string("no ") + path));
  }
  const auto parked = books.Parked(2);
  REQUIRE(parked.size() == 2);
  CHECK(parked[0].path == "r.git");
  CHECK(parked[0].error == "no r.git");
  CHECK(parked[0].storage == "b");
  CHECK(parked[0].since < std::chrono::minutes(10));
  CHECK(parked[1].path == "q.git");
}

TEST_CASE("deletes that wait on a storage are counted and listed") {
  OverviewFixture books(EachKind());
  const int64_t first = books.Make("p.git");
  books.Make("r.git");
  for (const char* path : {"p.git", "q.git"}) {
    if (path[0] == 'q') books.Make(path);
    books.Change(path, RemoveRepository());
  }
  const WaitingDeletes deletes = books.DeletesOn("b", 1);
  CHECK(deletes.count == 2);
  CHECK(deletes.first == std::vector{WaitingDelete{first, "p.git"}});
  CHECK(books.DeletesOn("d", 1).count == 0);
}

TEST_CASE("when replicas were proven is known") {
  OverviewFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  books.Copy(id, "b");
  const auto times = books.VerifiedAt(id);
  REQUIRE(times.count("b") == 1);
  const auto age = std::chrono::system_clock::now() - times.at("b");
  CHECK(age > -std::chrono::minutes(1));
  CHECK(age < std::chrono::minutes(10));
  CHECK(books.VerifiedAt(id + 1).empty());
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
  CHECK(books.CountUnavailableOn({"a"}) == 0);
  CHECK(books.CountUnavailableOn({"b", "c"}) == 1);
  CHECK(books.CountUnavailableOn({}) == 3);
}

}  // namespace
}  // namespace praefect::datastore
