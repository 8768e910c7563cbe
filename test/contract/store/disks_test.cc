// Which disk each storage is on, and what becomes of replicas that were claimed under another one.

#include "datastore/disks.h"

#include "bookkeeper_fixture.h"

namespace praefect::datastore {
namespace {

using Ids = std::vector<int64_t>;

class DisksFixture : public StoreFixture {
 public:
  explicit DisksFixture(db::Kind kind) : StoreFixture(kind), disks_(*database) {}

  std::vector<Disk> List() {
    return Await<std::vector<Disk>>([&](auto done) { disks_.List(db::Soon(), std::move(done)); });
  }
  bool Note(const std::string& id) {
    return Await<bool>([&](auto done) {
      disks_.Note({"default", "b", id}, db::Soon(), std::move(done));
    });
  }
  bool Replace(const std::string& was, const std::string& id) {
    return Await<bool>([&](auto done) {
      disks_.Replace({"default", "b", id}, was, db::Soon(), std::move(done));
    });
  }
  Ids RowsOn(const std::string& storage, DiskRows which, int64_t after = 0, int limit = 10) {
    return Await<Ids>([&](auto done) {
      disks_.RowsOn("default", storage, which, after, limit, db::Soon(), std::move(done));
    });
  }
  DiskRowCounts CountOn(const std::string& storage) {
    return Await<DiskRowCounts>(
        [&](auto done) { disks_.CountOn("default", storage, db::Soon(), std::move(done)); });
  }
  Ids OnlyOn(const std::string& storage) {
    Ids ids;
    for (const Below& each : Await<std::vector<Below>>([&](auto done) {
           disks_.OnlyOn("default", storage, 10, db::Soon(), std::move(done));
         })) {
      ids.push_back(each.id);
    }
    return ids;
  }
  const Replica& On(int64_t id, const std::string& storage) {
    last_ = Get(id);
    return last_.books.replicas.at(last_.Position(storage));
  }

 private:
  Disks disks_;
  Repository last_;
};

TEST_CASE("the first disk of a storage is kept, and another one only replaces the one it follows") {
  DisksFixture books(EitherEngine());
  CHECK(books.Note("one"));
  CHECK_FALSE(books.Note("two"));
  CHECK(books.List() == std::vector<Disk>{{"default", "b", "one"}});
  CHECK_FALSE(books.Replace("two", "three"));
  CHECK(books.Replace("one", "two"));
  CHECK(books.List() == std::vector<Disk>{{"default", "b", "two"}});
}

TEST_CASE("rows on a storage are listed by id, a few at a time, suspect ones apart") {
  DisksFixture books(EitherEngine());
  const int64_t first = books.Make("p.git"), second = books.Make("q.git");
  CHECK(books.RowsOn("b", DiskRows::kTrusted) == Ids{first, second});
  CHECK(books.RowsOn("b", DiskRows::kTrusted, 0, 1) == Ids{first});
  CHECK(books.RowsOn("b", DiskRows::kTrusted, first) == Ids{second});
  CHECK(books.RowsOn("b", DiskRows::kSuspect).empty());
  REQUIRE(books.Change(first, SuspectStorage("b", "one")) == Changed::kDone);
  CHECK(books.RowsOn("b", DiskRows::kSuspect) == Ids{first});
  CHECK(books.RowsOn("b", DiskRows::kTrusted) == Ids{second});
  CHECK(books.RowsOn("a", DiskRows::kSuspect).empty());
}

TEST_CASE("no disk is replaced while a row claims to be on it") {
  DisksFixture books(EitherEngine());
  REQUIRE(books.Note("one"));
  const int64_t id = books.Make("p.git");
  CHECK_FALSE(books.Replace("one", "two"));
  books.Change(id, SuspectStorage("b", "one"));
  CHECK(books.Replace("one", "two"));
}

TEST_CASE("what giving up a disk would cost is counted") {
  DisksFixture books(EitherEngine());
  const int64_t everywhere = books.Make("p.git"), written = books.Make("q.git");
  books.Write(written);  // b and c are behind
  CHECK(books.CountOn("a") == DiskRowCounts{.trusted = 2});
  for (const int64_t id : {everywhere, written}) books.Change(id, SuspectStorage("a", "one"));
  CHECK(books.CountOn("a") == DiskRowCounts{.suspect = 2, .only_there = 1});
  CHECK(books.OnlyOn("a") == Ids{written});
  books.Change(everywhere, SuspectStorage("b", ""));
  CHECK(books.CountOn("b") == DiskRowCounts{.trusted = 1, .suspect = 1, .of_unknown_disk = 1});
  CHECK(books.RowsOn("b", DiskRows::kOfUnknownDisk) == Ids{everywhere});
  CHECK(books.RowsOn("a", DiskRows::kOfUnknownDisk).empty());
}

TEST_CASE("what was claimed under the disk that is there is restored, the rest is filled anew") {
  DisksFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  const int64_t generation = books.Get(id).books.generation;
  books.Change(id, SuspectStorage("b", "one"));
  books.Change(id, SuspectStorage("c", "other"));
  CHECK(books.Change(id, SettleSuspectOn("b", "one")) == Changed::kDone);
  CHECK(books.On(id, "b").generation == generation);
  CHECK(books.Change(id, SettleSuspectOn("c", "one")) == Changed::kDone);
  CHECK_FALSE(books.On(id, "c").suspect);
  CHECK(books.On(id, "c").generation == kNoClaim);
  CHECK(books.DueOn("c") == Ids{id});
}

TEST_CASE("what was claimed under a disk that nobody knows waits for an operator") {
  DisksFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.Change(id, SuspectStorage("b", ""));
  CHECK(books.Change(id, SettleSuspectOn("b", "one")) == Changed::kRefused);
  CHECK(books.On(id, "b").suspect);
}

TEST_CASE("a primary that is suspect is deposed, and leads no more when its disk is back") {
  DisksFixture books(EitherEngine());
  const int64_t id = books.Make("p.git");
  books.Change(id, SuspectStorage("a", "one"));
  CHECK(books.Get(id).books.primary == kNoStorage);
  books.Change(id, SettleSuspectOn("a", "one"));
  CHECK(books.Get(id).books.primary == kNoStorage);
  CHECK(books.On(id, "a").generation == books.Get(id).books.generation);
}

}  // namespace
}  // namespace praefect::datastore
