#include "datastore/designations.h"

#include "datastore/rules.h"
#include "store_fixture.h"

namespace praefect::datastore {
namespace {

Designations Says(const std::string& storage) { return {{"default", storage}}; }

struct Designating : StoreFixture {
  Designating() : StoreFixture(EachKind()) {}

  // What is in force once an instance has said so; empty: nothing.
  std::string Say(int64_t of, Designations designated) {
    return InForce(Await<Declarations>([&](auto done) {
      store->Declare(of, designated, db::After(std::chrono::seconds(20)), done);
    }));
  }
  std::string InForce() {
    return InForce(Await<Declarations>(
        [&](auto done) { store->Declared(db::After(std::chrono::seconds(20)), done); }));
  }
  static std::string InForce(Declarations declarations) { return declarations.in_force["default"]; }
  Misplaced Find(const std::string& designated, std::vector<std::string> healthy,
                 int64_t after = 0) {
    return Await<Misplaced>([&](auto done) {
      store->FindMisplaced("default", designated, healthy, after, 2,
                           db::After(std::chrono::seconds(20)), done);
    });
  }
};

TEST_CASE("the first word counts, and moves when all live instances say the same") {
  Designating books;
  const int64_t other = books.NewInstance();
  CHECK(books.InForce().empty());
  CHECK(books.Say(books.instance, Says("a")) == "a");
  CHECK(books.Say(other, Says("b")) == "a");
  CHECK(books.Say(books.instance, Says("b")) == "b");
  CHECK(books.Say(books.instance, Says("a")) == "b");
  CHECK(books.InForce() == "b");
}

TEST_CASE("an instance that was buried, or has left, has no say") {
  Designating books;
  const int64_t other = books.NewInstance();
  books.Say(other, Says("a"));
  REQUIRE(books.Say(books.instance, Says("b")) == "a");
  SECTION("buried") {
    REQUIRE(books.Bury(books.BeatOf(other)));
    CHECK(books.Say(books.instance, Says("b")) == "b");
  }
  SECTION("left") {
    books.Say(other, {});
    CHECK(books.Say(books.instance, Says("b")) == "b");
  }
}

TEST_CASE("another virtual storage is another matter") {
  Designating books;
  const int64_t other = books.NewInstance();
  books.Say(books.instance, Says("a"));
  books.Say(other, {{"other", "x"}});
  CHECK(books.Say(books.instance, Says("b")) == "b");
}

TEST_CASE("who does not agree is named") {
  Declarations declarations;
  declarations.instances = {{1, "one:1", Says("a")}, {2, "two:2", Says("b")}, {3, "three:3", {}}};
  CHECK(Dissent(declarations, "default", "b") == "one:1 (a)");
  CHECK(Dissent(declarations, "other", "b").empty());
}

TEST_CASE("repositories with another primary are found, in batches by id") {
  Designating books;
  const int64_t first = books.Make("p.git");
  const int64_t second = books.Make("q.git");
  const int64_t third = books.Make("r.git");
  const std::vector<std::string> all = {"a", "b", "c"};
  const Misplaced batch = books.Find("b", all);
  CHECK(batch.movable == std::vector{first, second});
  CHECK(batch.last == second);
  CHECK(books.Find("b", all, batch.last).movable == std::vector{third});
  CHECK(books.Find("b", all, third).last == 0);
  CHECK(books.Find("a", all).movable.empty());
}

TEST_CASE("one whose designated storage lacks something waits, unless its primary is lost") {
  Designating books;
  const int64_t id = books.Make("p.git");
  books.Write(id);
  CHECK(books.Find("b", {"a", "b", "c"}).movable.empty());
  CHECK(books.Find("b", {"a", "b", "c"}).waiting == 1);
  CHECK(books.Find("b", {"b", "c"}).movable.empty());
  books.Copy(id, "c");
  CHECK(books.Find("b", {"a", "b", "c"}).movable.empty());
  CHECK(books.Find("b", {"b", "c"}).movable == std::vector{id});
  books.Copy(id, "b");
  CHECK(books.Find("b", {"a", "b", "c"}).movable == std::vector{id});
  books.Change(id, WithdrawClaimOf("a"));
  CHECK(books.Find("c", {"a", "b", "c"}).movable == std::vector{id});
}

TEST_CASE("what is adopted is assigned, too") {
  Designating books;
  const int64_t intent = books.NextNumber();
  const int64_t id = books.Record("p.git", "", intent).id;
  REQUIRE(books.Change(id, AdoptFrom({"a"}, "a", {"a", "c"})) == Changed::kDone);
  CHECK(books.Get(id).assignments == std::vector<std::string>{"a", "c"});
  CHECK(books.DueOn("c") == std::vector{id});
  CHECK(books.DueOn("b").empty());
}

}  // namespace
}  // namespace praefect::datastore
