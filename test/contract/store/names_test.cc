#include "store_fixture.h"

namespace praefect::datastore {
namespace {

TEST_CASE("a repository is found by its place, whatever its name") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  REQUIRE(books.Rename("p.git", "q.git") == Changed::kDone);
  const auto at = [&](const std::string& place) {
    return Await<int64_t>(
        [&](auto done) { books.store->FindPlace("default", place, db::Soon(), std::move(done)); });
  };
  CHECK(at("p.git") == id);
  CHECK(at("q.git") == 0);
}

TEST_CASE("the places of all repositories are listed, with the names they go by") {
  StoreFixture books(EachKind());
  books.Make("b.git");
  books.Make("r.git");
  const int64_t gone = books.Make("g.git");
  REQUIRE(books.Rename("r.git", "named.git") == Changed::kDone);
  REQUIRE(books.Rename("g.git", "late.git") == Changed::kDone);
  REQUIRE(books.Change("late.git", RemoveRepository()) == Changed::kDone);
  REQUIRE(books.Record("m.git", "a", 1).id != 0);
  const auto list = [&](const std::string& after, int limit) {
    return Await<std::vector<Place>>([&](auto done) {
      books.store->ListPlaces("default", after, limit, db::Soon(), std::move(done));
    });
  };
  const std::vector<Place> all = {
      {"b.git", "b.git"}, {"g.git", ""}, {"m.git", ""}, {"r.git", "named.git"}};
  CHECK(list("", 10) == all);
  books.DeleteEverywhere(gone);
  CHECK(list("", 10) == all);
  CHECK(list("b.git", 2) == std::vector{all[1], all[2]});
  CHECK(list("r.git", 2).empty());
}

TEST_CASE("a creation is kept when its call ends well, and is being removed otherwise") {
  StoreFixture books(EachKind());
  const Created good = books.Record("good.git", "a", 1);
  const Created bad = books.Record("bad.git", "b", 2);
  CHECK(books.FindName("good.git")->books.state == RepositoryState::kCreating);
  CHECK(books.Change(good.id, EndCreation(1, true, true)) == Changed::kDone);
  CHECK(books.Change(bad.id, EndCreation(2, false, false)) == Changed::kDone);
  CHECK(books.FindName("good.git")->books.state == RepositoryState::kLive);
  CHECK(books.DueOn("b") == std::vector{good.id, bad.id});
  CHECK_FALSE(books.FindName("bad.git"));
  books.DeleteEverywhere(bad.id);
  CHECK_FALSE(books.Exists(bad.id));
}

TEST_CASE("a name and a place are given once") {
  StoreFixture books(EachKind());
  books.Make("a/p.git");
  CHECK(books.Record("a/p.git", "b", 1).id == 0);
  CHECK(books.Overlaps("a/p.git"));
  CHECK(books.Overlaps("a"));
  CHECK(books.Overlaps("a/p.git/q.git"));
  CHECK_FALSE(books.Overlaps("a/p.gi"));
  CHECK_FALSE(books.Overlaps("a/p.gitt"));
  CHECK(books.Record("a/p.git/q.git", "b", 1).id == 0);
  CHECK(books.Record("a/q.git", "b", 1).id != 0);
}

TEST_CASE("a name that cannot be a key does not reach the database") {
  StoreFixture books(EachKind());
  const uint64_t before = books.counters().statements;
  for (const std::string& path :
       {std::string(), std::string(10'240, 'x'), std::string("a\0b", 3), std::string("\xff")}) {
    std::promise<std::optional<db::Error>> found, created, renamed;
    books.store->Find({"default", path}, db::Soon(), [&](auto r) { found.set_value(r.error); });
    books.store->Create({.name = {"default", path}, .primary = "a", .intent = 1}, db::Soon(),
                        [&](auto r) { created.set_value(r.error); });
    books.store->Rename({"default", "p.git"}, path, db::Soon(),
                        [&](auto r) { renamed.set_value(r.error); });
    CHECK(found.get_future().get()->ToStatus().code() == absl::StatusCode::kInvalidArgument);
    CHECK(created.get_future().get()->layer == db::Layer::kArgument);
    CHECK(renamed.get_future().get()->layer == db::Layer::kArgument);
  }
  CHECK(books.counters().statements == before);
}

TEST_CASE("a repository without a path of its own lies at its cluster path") {
  StoreFixture books(EachKind());
  const Creation creation{
      .name = {"default", "p.git"}, .pool = false, .primary = "a", .intent = 1, .instance = 1};
  const Created created = Await<Created>(
      [&](auto done) { books.store->Create(creation, db::Soon(), std::move(done)); });
  CHECK(created.id == 1);
  CHECK(created.replica_path == "@cluster/repositories/6b/86/1");
  CHECK(books.Get(1).replica_path == created.replica_path);
}

TEST_CASE("a creator that found the repository on the node withdraws and deletes nothing") {
  StoreFixture books(EachKind());
  const Created created = books.Record("p.git", "a", 1);
  CHECK(books.Change(created.id, WithdrawCreation(1)) == Changed::kDone);
  CHECK_FALSE(books.Exists(created.id));
  CHECK(books.DueOn("a").empty());
}

TEST_CASE("an adoption takes what its holders hold, and leaves nothing when it fails") {
  StoreFixture books(EachKind());
  const Created taken = books.Record("old.git", "", 1);
  const Created given_up = books.Record("gone.git", "", 2);
  CHECK(books.Change(taken.id, AdoptFrom({"b", "c"}, "b")) == Changed::kDone);
  CHECK(books.Write(taken.id) == Settled::kAcknowledged);
  CHECK(books.DueOn("a") == std::vector{taken.id});
  CHECK(books.Change(given_up.id, WithdrawCreation(2)) == Changed::kDone);
  CHECK_FALSE(books.Exists(given_up.id));
}

TEST_CASE("a renamed repository keeps its place, which no other gets when it is gone") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Make("taken.git");
  CHECK(books.Rename("p.git", "taken.git") == Changed::kRefused);
  CHECK(books.Rename("none.git", "q.git") == Changed::kNotFound);
  CHECK(books.Rename("p.git", "q.git") == Changed::kDone);
  CHECK_FALSE(books.FindName("p.git"));
  CHECK(books.FindName("q.git")->replica_path == "p.git");
  CHECK(books.Change("q.git", RemoveRepository()) == Changed::kDone);
  books.DeleteEverywhere(id);
  CHECK_FALSE(books.Exists(id));
  CHECK(books.Overlaps("p.git"));
  CHECK(books.Record("p.git", "a", 1).id == 0);
}

RenamedBelow RenameBelow(StoreFixture& books, const std::string& from, const std::string& to,
                         int limit = 10) {
  return Await<RenamedBelow>([&](auto done) {
    books.store->RenameBelow({"default", from}, to, limit, db::Soon(), std::move(done));
  });
}

TEST_CASE("a delete that an operator gives up lets the repository go, and its place to nobody") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  CHECK(books.Change(id, GiveUpDeleteOn("c")) == Changed::kRefused);
  books.Change(id, RemoveRepository());
  const int64_t run = books.NextNumber();
  REQUIRE(books.Change(id, StartDeleteOn("c", run, books.instance)) == Changed::kDone);
  CHECK(books.Change(id, GiveUpDeleteOn("c")) == Changed::kRefused);
  books.Change(id, ReleaseRun("c", run));
  CHECK(books.Change(id, GiveUpDeleteOn("c")) == Changed::kDone);
  CHECK(books.Exists(id));
  books.DeleteEverywhere(id);
  CHECK_FALSE(books.Exists(id));
  CHECK(books.Overlaps("p.git"));
}

TEST_CASE("a surplus replica whose delete is given up stays as it is, and is not wanted") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git", {"a", "b"});
  books.Write(id);
  books.QueueDelete(id, "b");
  CHECK(books.Change(id, GiveUpDeleteOn("b")) == Changed::kDone);
  CHECK(books.JobOn(id, "b").state == JobState::kNone);
  const Repository left = books.Get(id);
  CHECK(left.books.replicas[left.Position("b")].row);
  CHECK_FALSE(left.renamed);
}

TEST_CASE("all below a directory are listed, and renamed at once") {
  StoreFixture books(EachKind());
  const int64_t first = books.Make("g/p.git");
  const int64_t second = books.Make("g/sub/q.git");
  books.Make("g.git");
  books.Make("g0/r.git");
  const auto list = [&](int limit) {
    return Await<std::vector<Below>>([&](auto done) {
      books.store->ListBelow({"default", "g"}, limit, db::Soon(), std::move(done));
    });
  };
  REQUIRE(list(10).size() == 2);
  CHECK(list(10)[0].id == first);
  CHECK(list(10)[1].relative_path == "g/sub/q.git");
  CHECK(list(1).size() == 1);

  CHECK(RenameBelow(books, "g", "g0").changed == Changed::kRefused);
  CHECK(RenameBelow(books, "g", "g.git/below").changed == Changed::kRefused);
  CHECK(RenameBelow(books, "g", "h", 1).changed == Changed::kRefused);
  CHECK(list(10).size() == 2);

  const RenamedBelow renamed = RenameBelow(books, "g", "h/i");
  CHECK(renamed.changed == Changed::kDone);
  CHECK(renamed.ids == std::vector{first, second});
  CHECK(list(10).empty());
  CHECK(books.FindName("h/i/p.git")->replica_path == "g/p.git");
  CHECK(books.FindName("h/i/sub/q.git")->id == second);
  CHECK(RenameBelow(books, "g", "h/j").changed == Changed::kNotFound);
}

TEST_CASE("no repository of a directory is renamed while one of them is being created") {
  StoreFixture books(EachKind());
  books.Make("g/p.git");
  const Created created = books.Record("g/q.git", "a", 1);
  CHECK(RenameBelow(books, "g", "h").changed == Changed::kRefused);
  CHECK(books.FindName("g/p.git"));
  CHECK(books.Change(created.id, EndCreation(1, true, true)) == Changed::kDone);
  CHECK(RenameBelow(books, "g", "h").ids.size() == 2);
}

TEST_CASE(
    "a removal takes the name at once, and the row goes after deletes with nothing in flight") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  const Call call = books.OpenNow(id);
  CHECK(books.Change("p.git", RemoveRepository()) == Changed::kDone);
  CHECK(books.Change("p.git", RemoveRepository()) == Changed::kNotFound);
  CHECK_FALSE(books.Open(call));
  books.DeleteEverywhere(id);
  CHECK(books.Exists(id));
  CHECK(books.Settle(call) == Settled::kGone);
  books.DeleteEverywhere(id);
  CHECK_FALSE(books.Exists(id));
  CHECK(books.Make("p.git") != id);
}

TEST_CASE("a pool is not deleted where a call that links to it is not settled") {
  StoreFixture books(EachKind());
  const int64_t member = books.Make("p.git");
  const int64_t pool = books.Make("pool.git");
  const Call linking = books.Route(member);
  REQUIRE(books.Open(linking, pool));
  REQUIRE(books.Change(pool, RemoveRepository()) == Changed::kDone);
  books.DeleteEverywhere(pool);
  CHECK(books.DueOn("a") == std::vector{pool});
  CHECK(books.DueOn("b").empty());
  books.Settle(linking);
  books.DeleteEverywhere(pool);
  CHECK_FALSE(books.Exists(pool));
}

TEST_CASE("a copy that runs while its repository is removed becomes a delete") {
  StoreFixture books(EachKind());
  const int64_t id = books.Make("p.git");
  books.Write(id);
  const int64_t run = books.NextNumber();
  books.Change(id, StartCopyOnto("b", {"a"}, false, run, books.instance));
  books.Change(id, RemoveRepository());
  CHECK(books.DueOn("b").empty());
  CHECK(books.Change(id, CompleteRun("b", run, true)) == Changed::kDone);
  CHECK(books.DueOn("b") == std::vector{id});
}

}  // namespace
}  // namespace praefect::datastore
