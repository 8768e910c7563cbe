// Jobs that are missing, and those that wait although what they waited for has come.

#include "bookkeeper_fixture.h"
#include "datastore/rules.h"

namespace praefect::datastore {
namespace {

using Ids = std::vector<int64_t>;

void DropJobs(StoreFixture& books) { REQUIRE(books.Run("DELETE FROM replication_jobs", {}).ok()); }

TEST_CASE("a replica that is behind without a job is found, and given one") {
  StoreFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.Make("q.git");
  CHECK(books.FindMissingJobs().repositories.empty());
  books.Write(id);
  CHECK(books.FindMissingJobs().repositories.empty());
  DropJobs(books);
  CHECK(books.FindMissingJobs().repositories == Ids{id});
  CHECK(books.Change(id, WantMissingJobs()) == Changed::kDone);
  CHECK(books.DueOn("b") == Ids{id});
  CHECK(books.FindMissingJobs().repositories.empty());
}

TEST_CASE("a storage that is new lacks every repository, those assigned elsewhere excepted") {
  StoreFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.Make("q.git", {"a", "b"});
  const Storages more = {{"default", {"a", "b", "c", "d"}}, {"other", {"e"}}};
  Store grown(*books.database, more);
  const auto missing = Await<MissingJobs>(
      [&](auto done) { grown.FindMissingJobs(0, 10, db::Soon(), std::move(done)); });
  CHECK(missing.repositories == Ids{id});
  CHECK(Await<Changed>([&](auto done) {
          grown.Change(id, WantMissingJobs(), db::Soon(), std::move(done));
        }) == Changed::kDone);
  CHECK(books.DueOn("d") == Ids{id});
}

TEST_CASE("repositories are looked at a few at a time") {
  StoreFixture books(EitherEngine());
  Ids all, found;
  for (const char* path : {"p.git", "q.git", "r.git"}) all.push_back(books.Make(path));
  for (const int64_t id : all) books.Write(id);
  DropJobs(books);
  for (int64_t last = books.FindMissingJobs(0, 1).last, before = 0; last != 0;) {
    for (const int64_t id : books.FindMissingJobs(before, 1).repositories) found.push_back(id);
    before = last;
    last = books.FindMissingJobs(before, 1).last;
  }
  CHECK(found == all);
}

TEST_CASE("what is parked stays so when another job is missing") {
  StoreFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  books.Change(id, ParkJob("b", "something lies there"));
  REQUIRE(books.Run("DELETE FROM replication_jobs WHERE storage = 'c'", {}).ok());
  CHECK(books.Change(id, WantMissingJobs()) == Changed::kDone);
  CHECK(books.JobOn(id, "b").state == JobState::kParked);
  CHECK(books.JobOn(id, "c").state == JobState::kReady);
}

TEST_CASE(
    "a removal that lost its deletes gets them again, and one of which nothing is left goes") {
  StoreFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.Change(id, RemoveRepository());
  DropJobs(books);
  CHECK(books.FindMissingJobs().repositories == Ids{id});
  CHECK(books.Change(id, WantMissingJobs()) == Changed::kDone);
  CHECK(books.JobOn(id, "b").kind == JobKind::kDelete);
  DropJobs(books);
  REQUIRE(books.Run("DELETE FROM storage_repositories", {}).ok());
  CHECK(books.FindMissingJobs().repositories == Ids{id});
  books.Change(id, WantMissingJobs());
  CHECK_FALSE(books.Exists(id));
}

TEST_CASE("a job that waits for its next attempt is due at once when its node is back") {
  StoreFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  books.Change(id, PutJobOff("b", "no answer", std::chrono::hours(1)));
  CHECK(books.DueOn("b").empty());
  CHECK(books.HastenOn("c") == 0);
  CHECK(books.HastenOn("b") == 1);
  CHECK(books.DueOn("b") == Ids{id});
  CHECK(books.HastenOn("b") == 0);
}

TEST_CASE(
    "a delete waits for calls that could bring its repository back, and then is due at once") {
  StoreFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  const Call call = books.OpenNow(id);
  books.Change(id, RemoveRepository());
  const auto start = [&] {
    return books.Change(id, StartDeleteOn("b", books.NextNumber(), books.instance));
  };
  CHECK(start() == Changed::kRefused);
  books.Change(id, PutJobOff("b", "a call is under way", std::chrono::hours(1)));
  CHECK(books.DueOn("b").empty());
  books.Settle(call, false);
  CHECK(books.DueOn("b") == Ids{id});
  CHECK(start() == Changed::kDone);
}

TEST_CASE("a delete waits for a copy that runs elsewhere, and is due when that has ended") {
  StoreFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  const int64_t run = books.Start(id, "b");
  books.Change(id, RemoveRepository());
  books.Change(id, PutJobOff("c", "a copy is under way", std::chrono::hours(1)));
  CHECK(books.DueOn("c").empty());
  books.Change(id, ReleaseRun("b", run));
  CHECK(books.DueOn("b") == Ids{id});
  CHECK(books.DueOn("c") == Ids{id});
}

TEST_CASE("a job that was parked for having failed often has one more attempt now and then") {
  StoreFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  for (const int attempts : {1, 2}) {
    const int64_t run = books.Start(id, "b");
    const Rule end =
        attempts == 1 ? RetryRun("b", run, "disk full", {}) : ParkRun("b", run, "disk full");
    REQUIRE(books.Change(id, end) == Changed::kDone);
  }
  CHECK(books.RetryParkedOn("b", {}, 3) == 0);
  CHECK(books.RetryParkedOn("b", {}, 2) == 1);
  CHECK(books.JobOn(id, "b").attempts == 2);
  CHECK(books.JobOn(id, "b").error == "disk full");
}

}  // namespace
}  // namespace praefect::datastore
