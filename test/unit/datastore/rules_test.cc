#include "datastore/rules.h"

#include <catch2/catch.hpp>

namespace praefect::datastore {
namespace {

// A live repository on three storages, all at generation 5, the first one the primary.
class Repository {
 public:
  Repository() {
    books.primary = 0;
    books.generation = books.acknowledged = 5;
    books.replicas.assign(3, Replica{.row = true, .generation = 5, .verified = true});
  }

  void Write(bool node_ok, bool told_otherwise = false) {
    const int primary = books.primary;
    const int64_t term = books.term;
    Open(books, 1);
    SettleAs(primary, term, node_ok, told_otherwise);
  }
  void SettleAs(int storage, int64_t term, bool node_ok, bool told_otherwise = false) {
    const Settlement settlement{.intent = 1,
                                .storage = storage,
                                .term = term,
                                .node_ok = node_ok,
                                .told_otherwise = told_otherwise};
    acknowledged = Acknowledges(books, settlement);
    Settle(books, {&settlement, 1});
  }
  void Copy(int target) {
    StartCopy(books, books.primary, target);
    CompleteCopy(books, target, true);
  }
  JobState JobOf(int storage) const { return books.replicas[storage].job.state; }
  int64_t HeldBy(int storage) const { return books.replicas[storage].generation; }

  Books books;
  bool acknowledged = false;
};

TEST_CASE("an acknowledged write leaves the secondaries behind, wanted at its generation") {
  Repository repository;
  repository.Write(true);
  CHECK(repository.acknowledged);
  CHECK(repository.books.acknowledged == 6);
  CHECK(repository.HeldBy(0) == 6);
  CHECK_FALSE(MayPromote(repository.books, 1));
  CHECK(repository.books.replicas[1].job.wanted == 6);
  repository.Copy(1);
  CHECK(MayRead(repository.books, 1));
  CHECK(MayPromote(repository.books, 1));
  CHECK(repository.JobOf(1) == JobState::kNone);
}

TEST_CASE("a write that nobody was told about takes no replica's right to be promoted") {
  Repository repository;
  repository.Write(false);
  CHECK_FALSE(repository.acknowledged);
  CHECK_FALSE(MayRead(repository.books, 1));
  CHECK(MayPromote(repository.books, 1));
  Promote(repository.books, 1);
  CHECK(repository.books.generation == 7);
  CHECK_FALSE(IsCurrent(repository.books, 0));
}

TEST_CASE("a client that was told otherwise acknowledges nothing") {
  Repository repository;
  repository.Write(true, true);
  CHECK_FALSE(repository.acknowledged);
  CHECK(repository.books.generation == 6);
  CHECK(repository.books.acknowledged == 5);
}

TEST_CASE("secondaries are not read while a write is open, and are while one lingers elsewhere") {
  Repository repository;
  Open(repository.books, 1);
  CHECK(MayRead(repository.books, 0));
  CHECK_FALSE(MayRead(repository.books, 1));
  LetLinger(repository.books, 1);
  CHECK(MayRead(repository.books, 1));
  Promote(repository.books, 1);
  CHECK_FALSE(MayRead(repository.books, 0));
  CHECK_FALSE(MayCopy(repository.books, 0, 2, true));
}

TEST_CASE("a copy is wanted once, from a current source, onto an idle target") {
  Repository repository;
  repository.Write(true);
  CHECK(MayCopy(repository.books, 0, 1, false));
  CHECK_FALSE(MayCopy(repository.books, 2, 1, false));
  CHECK_FALSE(MayCopy(repository.books, 1, 0, false));
  StartCopy(repository.books, 0, 1);
  CHECK_FALSE(MayCopy(repository.books, 0, 1, false));
  CHECK_FALSE(MayPromote(repository.books, 1));
  LoseJob(repository.books, 1);
  CHECK_FALSE(MayCopy(repository.books, 0, 1, false));
  ReleaseJob(repository.books, 1);
  CHECK(MayCopy(repository.books, 0, 1, false));
}

TEST_CASE("a storage without a row is copied to only when nothing is there") {
  Repository repository;
  repository.books.replicas[2] = Replica{};
  WantCopies(repository.books);
  CHECK_FALSE(MayCopy(repository.books, 0, 2, false));
  CHECK(MayCopy(repository.books, 0, 2, true));
  StartCopy(repository.books, 0, 2);
  CHECK(repository.books.replicas[2].row);
}

TEST_CASE("an unverified copy is readable and goes again") {
  Repository repository;
  repository.Write(true);
  StartCopy(repository.books, 0, 1);
  CompleteCopy(repository.books, 1, false);
  CHECK(MayRead(repository.books, 1));
  CHECK(MayCopy(repository.books, 0, 1, false));
}

TEST_CASE("a withdrawn claim takes those of its copies' targets along, and deposes a primary") {
  Repository repository;
  repository.Write(true);
  StartCopy(repository.books, 0, 1);
  Withdraw(repository.books, 0);
  CHECK(repository.books.primary == kNoStorage);
  CHECK(repository.books.term == 2);
  CHECK(repository.HeldBy(1) == kNoClaim);
  CompleteCopy(repository.books, 1, true);
  CHECK(repository.HeldBy(1) == kNoClaim);
  CHECK(repository.HeldBy(2) == 5);
  CHECK_FALSE(MayPromote(repository.books, 2));
  PromoteWithLoss(repository.books, 2);
  CHECK(IsComplete(repository.books, 2));
}

TEST_CASE("a suspect replica claims nothing until its disk is back or given up") {
  Repository repository;
  MakeSuspect(repository.books, 1);
  MakeSuspect(repository.books, 1);
  CHECK_FALSE(IsComplete(repository.books, 1));
  CHECK_FALSE(MayCopy(repository.books, 0, 1, false));
  Books given_up = repository.books;
  RestoreSuspect(repository.books, 1);
  CHECK(MayRead(repository.books, 1));
  GiveUpSuspect(given_up, 1);
  CHECK(MayCopy(given_up, 0, 1, false));
}

TEST_CASE(
    "a creation is kept when the node's OK is settled in its term, whether the client waits or "
    "not") {
  Repository repository;
  repository.books.generation = repository.books.acknowledged = 0;
  repository.books.state = RepositoryState::kCreating;
  repository.books.primary = 0;
  repository.books.replicas.assign(2, Replica{});
  repository.books.replicas[0] = {.row = true, .generation = 0};
  Repository refused = repository;
  repository.Write(true, true);
  CHECK(repository.books.state == RepositoryState::kLive);
  CHECK(repository.JobOf(1) == JobState::kReady);
  refused.Write(false);
  CHECK(refused.books.state == RepositoryState::kRemoving);
  CHECK(MayDelete(refused.books, 0));
  CHECK_FALSE(MayDelete(refused.books, 1));
}

TEST_CASE("a removed repository is forgotten after deletes that began with nothing in flight") {
  Repository repository;
  Open(repository.books, 1);
  repository.books.replicas.resize(2);
  Remove(repository.books);
  for (int storage : {0, 1}) {
    StartDelete(repository.books, storage);
    CompleteDelete(repository.books, storage);
    CHECK(MayDelete(repository.books, storage));
  }
  repository.SettleAs(0, 1, true);
  CHECK_FALSE(repository.acknowledged);
  for (int storage : {0, 1}) {
    CHECK_FALSE(MayForget(repository.books));
    StartDelete(repository.books, storage);
    CompleteDelete(repository.books, storage);
  }
  CHECK(MayForget(repository.books));
}

TEST_CASE("a copy that runs during a removal becomes a delete when it has ended") {
  Repository repository;
  repository.Write(true);
  StartCopy(repository.books, 0, 1);
  Remove(repository.books);
  CHECK_FALSE(MayDelete(repository.books, 1));
  LoseJob(repository.books, 1);
  ReleaseJob(repository.books, 1);
  CHECK(MayDelete(repository.books, 1));
}

TEST_CASE(
    "a surplus replica that claims nothing is deleted, and forgotten when nothing was open on it") {
  Repository repository;
  Replica& surplus = repository.books.replicas[2];
  surplus.job = {.state = JobState::kReady, .kind = JobKind::kDelete};
  CHECK_FALSE(MayDelete(repository.books, 2));
  surplus.generation = kNoClaim;
  Open(repository.books, 1);
  REQUIRE(MayDelete(repository.books, 2));
  StartDelete(repository.books, 2);
  LoseJob(repository.books, 2);
  ReleaseJob(repository.books, 2);
  REQUIRE(MayDelete(repository.books, 2));
  StartDelete(repository.books, 2);
  CompleteDelete(repository.books, 2);
  CHECK(surplus == Replica{});
}

TEST_CASE("a write that the books have forgotten is settled again where it was acknowledged") {
  Repository repository;
  Promote(repository.books, 1);  // in the term in which another one was, and is forgotten
  const int64_t term = repository.books.term;
  REQUIRE(SettleAgain(repository.books, 0, term, true));
  CHECK(repository.books.primary == 0);
  CHECK(repository.books.term == term);
  CHECK(IsCurrent(repository.books, 0));
  CHECK(repository.books.acknowledged == repository.books.generation);
  CHECK_FALSE(IsComplete(repository.books, 1));
  CHECK(repository.JobOf(1) == JobState::kReady);
}

TEST_CASE("of a write that the books have forgotten the higher term wins") {
  Repository repository;
  const Books before = repository.books;
  CHECK_FALSE(SettleAgain(repository.books, 1, before.term - 1, true));
  CHECK(repository.books == before);
  REQUIRE(SettleAgain(repository.books, 1, before.term + 1, true));
  CHECK(repository.books.primary == 1);
  CHECK(repository.books.term == before.term + 1);
}

TEST_CASE("a failed write that the books have forgotten raises, and binds nobody") {
  Repository repository;
  const Books before = repository.books;
  REQUIRE(SettleAgain(repository.books, 0, before.term, false));
  CHECK(repository.books.generation == before.generation + 1);
  CHECK(repository.books.acknowledged == before.acknowledged);
}

TEST_CASE("an adopted repository holds what its holders hold") {
  Books books;
  books.state = RepositoryState::kCreating;
  books.replicas.assign(3, Replica{});
  Adopt(books, 1, {1, 2});
  CHECK(MayRead(books, 2));
  CHECK(MayOpen(books, 1, books.term));
  CHECK(MayCopy(books, 1, 0, true));
}

}  // namespace
}  // namespace praefect::datastore
