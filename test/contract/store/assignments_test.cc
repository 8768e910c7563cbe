#include "datastore/rules.h"
#include "store_fixture.h"

namespace praefect::datastore {
namespace {

std::vector<std::string> Assigned() { return {"a", "b"}; }

TEST_CASE("a repository with assignments is copied to these and to no other storage") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git", Assigned());
  books.Write(id);
  CHECK(books.Change(id, WantAllCopies()) == Changed::kDone);
  CHECK(books.DueOn("b") == std::vector{id});
  CHECK(books.DueOn("c").empty());
}

TEST_CASE("what is configured may change: a new storage is wanted, rows of one that left stay") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.store->Configure({{"default", {"a", "b", "d"}}});
  books.Write(id);
  CHECK(books.DueOn("d") == std::vector{id});
  CHECK(books.Get(id).Position("c") != kNoStorage);
  CHECK(books.DueOn("c") == std::vector{id});
  books.store->Configure(StoreFixture::storages());
  const int64_t other = books.Make("q.git");
  books.Write(other);
  CHECK(books.Get(other).Position("d") == kNoStorage);
}

TEST_CASE("a surplus replica that was deleted stays deleted") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  books.Assign(id, Assigned());
  books.Change(id, WithdrawClaimOf("c"));
  books.QueueDelete(id, "c");
  const int64_t run = books.NextNumber();
  REQUIRE(books.Change(id, StartDeleteOn("c", run, books.instance)) == Changed::kDone);
  REQUIRE(books.Change(id, CompleteRun("c", run, true)) == Changed::kDone);
  books.Write(id);
  books.Change(id, WantAllCopies());
  CHECK(books.Get(id).Position("c") == kNoStorage);
  CHECK(books.DueOn("b") == std::vector{id});
}

TEST_CASE("a surplus replica falls behind without a job") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Assign(id, Assigned());
  books.Write(id);
  CHECK(books.JobOn(id, "c") == Job());
  CHECK(books.JobOn(id, "b").state == JobState::kReady);
}

TEST_CASE("assignments are the primary and others at random, as many as asked for") {
  std::mt19937_64 random(1);
  const std::vector<std::string> storages = {"a", "b", "c"};
  CHECK(PickAssignments(storages, {"b"}, 0, random).empty());
  CHECK(PickAssignments(storages, {"b"}, 1, random) == std::vector<std::string>{"b"});
  CHECK(PickAssignments(storages, {"b"}, 5, random).size() == 3);
  CHECK(PickAssignments(storages, {"c", "a"}, 1, random) == std::vector<std::string>{"c", "a"});
  CHECK(PickAssignments(storages, {"c", "a"}, 3, random).back() == "b");
  bool a = false, c = false;
  for (int i = 0; i < 100; ++i) {
    const auto picked = PickAssignments(storages, {"b"}, 2, random);
    REQUIRE(picked.size() == 2);
    REQUIRE(picked[0] == "b");
    (picked[1] == "a" ? a : c) = true;
  }
  CHECK(a);
  CHECK(c);
}

}  // namespace
}  // namespace praefect::datastore
