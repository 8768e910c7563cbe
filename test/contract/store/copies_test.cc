#include "datastore/rules.h"
#include "store_fixture.h"

namespace praefect::datastore {
namespace {

TEST_CASE(
    "a copy claims what its source held when it began, and goes again for what came meanwhile") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  CHECK(books.DueOn("b") == std::vector{id});
  const int64_t run = books.NextNumber();
  CHECK(books.Change(id, StartCopyOnto("b", {"c", "a"}, false, run, books.instance)) ==
        Changed::kDone);
  CHECK(books.DueOn("b").empty());
  books.Write(id);
  CHECK(books.Change(id, CompleteRun("b", run, true)) == Changed::kDone);
  const Repository after = books.Get(id);
  CHECK(after.books.replicas[after.Position("b")].generation + 1 == after.books.generation);
  CHECK(books.DueOn("b") == std::vector{id});
  books.Copy(id, "b");
  CHECK(books.DueOn("b").empty());
}

TEST_CASE("one copy at a time, from who may serve, onto who needs it") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  const auto start = [&](const char* target, const char* source) {
    return books.Change(id, StartCopyOnto(target, {source}, false, books.NextNumber(), 1));
  };
  CHECK(start("b", "c") == Changed::kRefused);
  CHECK(start("a", "b") == Changed::kRefused);
  CHECK(start("b", "a") == Changed::kDone);
  CHECK(start("b", "a") == Changed::kRefused);
  CHECK(start("d", "a") == Changed::kRefused);
}

TEST_CASE("a run that was released completes nothing") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  const int64_t run = books.NextNumber();
  books.Change(id, StartCopyOnto("b", {"a"}, false, run, books.instance));
  CHECK(books.Change(id, LoseRun("b", run)) == Changed::kDone);
  CHECK(books.Change(id, PromoteTo("b", false)) == Changed::kRefused);
  CHECK(books.Change(id, ReleaseRun("b", run)) == Changed::kDone);
  CHECK(books.Change(id, CompleteRun("b", run, true)) == Changed::kRefused);
  CHECK(books.DueOn("b") == std::vector{id});
}

TEST_CASE("a withdrawn claim voids its copies and deposes a primary") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  const int64_t run = books.NextNumber();
  books.Change(id, StartCopyOnto("b", {"a"}, false, run, books.instance));
  CHECK(books.Change(id, WithdrawClaimOf("a")) == Changed::kDone);
  books.Change(id, CompleteRun("b", run, true));
  const Repository after = books.Get(id);
  CHECK(after.books.primary == kNoStorage);
  CHECK(after.books.replicas[after.Position("b")].generation == kNoClaim);
  CHECK(books.Change(id, PromoteTo("c", false)) == Changed::kRefused);
  CHECK(books.Change(id, PromoteWithLossTo("c")) == Changed::kDone);
  CHECK(books.Write(id) == Settled::kAcknowledged);
}

TEST_CASE("a suspect replica gets its claim back with its disk") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  CHECK(books.Change(id, SuspectStorage("b", "disk-1")) == Changed::kDone);
  CHECK(books.Change(id, SuspectStorage("b", "disk-2")) == Changed::kRefused);
  CHECK(books.Change(id, RestoreStorage("b", "disk-2")) == Changed::kRefused);
  CHECK(books.Change(id, RestoreStorage("b", "disk-1")) == Changed::kDone);
  const Repository after = books.Get(id);
  CHECK(IsCurrent(after.books, after.Position("b")));
  CHECK(books.Change(id, GiveUpStorage("b")) == Changed::kRefused);
}

TEST_CASE("a claim made under an id that nobody knew is not restored by any") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Change(id, SuspectStorage("b", ""));
  CHECK(books.Change(id, RestoreStorage("b", "")) == Changed::kRefused);
  CHECK(books.Change(id, GiveUpStorage("b")) == Changed::kDone);
  CHECK(books.DueOn("b") == std::vector{id});
}

TEST_CASE("what was parked is due again after the next write") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  CHECK(books.Change(id, ParkJob("b", "unknown content")) == Changed::kDone);
  CHECK(books.DueOn("b").empty());
  CHECK(books.JobOn(id, "b").error == "unknown content");
  books.Write(id);
  CHECK(books.DueOn("b") == std::vector{id});
  CHECK(books.JobOn(id, "b").error.empty());
}

TEST_CASE("a copy that failed is tried again after its delay, and counted") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  const int64_t run = books.Start(id, "b");
  CHECK(books.Change(id, RetryRun("b", run, "node is busy", std::chrono::hours(1))) ==
        Changed::kDone);
  CHECK(books.DueOn("b").empty());
  CHECK(books.Change(id, RetryRun("b", run, "again", {})) == Changed::kRefused);
  const int64_t second = books.Start(id, "b");
  CHECK(books.Change(id, RetryRun("b", second, "node is down", {})) == Changed::kDone);
  const DueJob due{.repository_id = id,
                   .kind = JobKind::kCopy,
                   .attempts = 2,
                   .relative_path = "p.git",
                   .replica_path = "p.git",
                   .primary = "a"};
  auto found = books.DueJobsOn("b");
  CHECK(found.at(0).waited < std::chrono::minutes(10));
  found.at(0).waited = {};
  CHECK(found == std::vector{due});
  CHECK(books.JobOn(id, "b").error == "node is down");
  books.Copy(id, "b");
  CHECK(books.JobOn(id, "b") == Job());
}

TEST_CASE("a write leaves a job put off, and asks for what it brought") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  CHECK(books.Change(id, PutJobOff("b", "no source is healthy", std::chrono::hours(1))) ==
        Changed::kDone);
  books.Write(id);
  CHECK(books.DueOn("b").empty());
  CHECK(books.JobOn(id, "b").wanted == books.Get(id).books.generation);
}

TEST_CASE("what was parked is tried again when it is asked for, or has waited long enough") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  const int64_t run = books.Start(id, "b");
  CHECK(books.Change(id, ParkRun("b", run, "refused")) == Changed::kDone);
  CHECK(books.JobOn(id, "b").attempts == 1);
  CHECK(books.RetryParkedOn("b", std::chrono::hours(24)) == 0);
  CHECK(books.RetryParkedOn("c", {}) == 0);
  CHECK(books.RetryParkedOn("b", {}) == 1);
  CHECK(books.DueOn("b") == std::vector{id});
}

TEST_CASE("a removal finds its deletes due, whatever was parked") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  const int64_t run = books.Start(id, "b");
  books.Change(id, RemoveRepository());
  CHECK(books.Change(id, ParkRun("b", run, "refused")) == Changed::kDone);
  CHECK(books.DueJobsOn("b").at(0).kind == JobKind::kDelete);
  const int64_t second = books.NextNumber();
  books.Change(id, StartDeleteOn("b", second, books.instance));
  CHECK(books.Change(id, ParkRun("b", second, "storage is gone")) == Changed::kDone);
  CHECK(books.DueOn("b").empty());
  CHECK(books.RetryParkedOn("b", {}) == 1);
}

TEST_CASE("an error is kept as text that a database takes") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  const auto kept = [&](const std::string& error) {
    books.Change(id, PutJobOff("b", error, {}));
    return books.JobOn(id, "b").error;
  };
  CHECK(kept(std::string("a\0b\xff", 4)) == "a?b?");
  CHECK(kept(std::string(kMaxJobErrorBytes - 1, 'x') + "\u00e9").size() == kMaxJobErrorBytes - 1);
}

}  // namespace
}  // namespace praefect::datastore
