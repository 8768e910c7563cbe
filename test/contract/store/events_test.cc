#include "bookkeeper_fixture.h"

namespace praefect::datastore {
namespace {

using Texts = std::vector<std::string>;

TEST_CASE("what changes the truth for an operator leaves an event") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  CHECK(books.EventsOf(id).empty());
  books.Change(id, PromoteTo("b", true));
  CHECK(books.EventsOf(id) == Texts{"promoted b"});
  books.Write(id);
  books.Change(id, SuspectStorage("b", "disk-1"));
  CHECK(books.EventsOf(id) == Texts{"replica_suspect b", "promoted b"});
  books.Change(id, PromoteWithLossTo("a"));
  books.Change(id, RestoreStorage("b", "disk-1"));
  books.Change(id, WithdrawClaimOf("c"));
  CHECK(books.EventsOf(id) == Texts{"claim_withdrawn c", "replica_restored b",
                                    "promoted_with_loss a", "replica_suspect b", "promoted b"});
}

TEST_CASE("names and ends of repositories leave events") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Rename("p.git", "q.git");
  books.Change(id, RemoveRepository());
  CHECK(books.EventsOf(id) == Texts{"repository_removed", "repository_renamed"});
  const Created failed = books.Record("r.git", "a", 1);
  books.Change(failed.id, EndCreation(1, false, false));
  CHECK(books.EventsOf(failed.id) == Texts{"creation_given_up"});
  const Created found = books.Record("s.git", "", 2);
  books.Change(found.id, AdoptFrom({"a", "b"}, "b"));
  CHECK(books.EventsOf(found.id) == Texts{"repository_adopted b"});
}

TEST_CASE("jobs and instances that are given up leave events") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  books.Change(id, ParkJob("b", "unknown content"));
  books.Change(id, SuspectStorage("c", "disk-1"));
  books.Change(id, GiveUpStorage("c"));
  CHECK(books.EventsOf(id) == Texts{"replica_given_up c", "replica_suspect c", "job_parked b"});
  books.Bury(books.BeatOf(books.NewInstance()));
  CHECK(books.EventsOf().front() == "instance_buried");
}

TEST_CASE("a change that was refused, or is nobody's business, leaves no event") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Change(id, PromoteTo("a", false));
  books.Write(id);
  books.Copy(id, "b");
  books.Change(id, PutJobOff("c", "busy", {}));
  CHECK(books.EventsOf().empty());
}

TEST_CASE("the oldest events make room") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  for (const char* storage : {"b", "c", "a"}) books.Change(id, PromoteTo(storage, true));
  const auto sweep = [&] {
    return Await<int64_t>([&](auto done) { books.store->SweepEvents(2, db::Soon(), done); });
  };
  CHECK(sweep() == 1);
  CHECK(sweep() == 0);
  CHECK(books.EventsOf(id) == Texts{"promoted a", "promoted c"});
}

TEST_CASE("a Praefect sweeps what is too old") {
  StoreFixture books(EachKind());
  REQUIRE(books
              .Run({"INSERT INTO events (kind) SELECT 'promoted' FROM generate_series(1, $1)",
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) "
                    "INSERT INTO events (kind) SELECT 'promoted' FROM n"},
                   {kMaxEvents + 17})
              .ok());
  Praefect praefect(*books.store, books.log, {});
  CHECK(Becomes([&] { return praefect.Metric("gitaly_praefect_events_swept_total") == 17; }));
  CHECK(books.Value("SELECT count(*) FROM events") == std::to_string(kMaxEvents));
}

}  // namespace
}  // namespace praefect::datastore
