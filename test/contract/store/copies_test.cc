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
  const Repository before = books.Get(id);
  CHECK(books.Change(id, SuspectStorage("b")) == Changed::kDone);
  CHECK(books.Change(id, SuspectStorage("b")) == Changed::kRefused);
  CHECK(books.Change(id, RestoreStorage("b")) == Changed::kDone);
  const Repository after = books.Get(id);
  CHECK(IsCurrent(after.books, after.Position("b")));
  CHECK(books.Change(id, GiveUpStorage("b")) == Changed::kRefused);
}

TEST_CASE("what was parked is due again after the next write") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  CHECK(books.Change(id, ParkJob("b")) == Changed::kDone);
  CHECK(books.DueOn("b").empty());
  books.Write(id);
  CHECK(books.DueOn("b") == std::vector{id});
}

}  // namespace
}  // namespace praefect::datastore
