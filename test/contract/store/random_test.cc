#include <random>

#include "datastore/rules.h"
#include "store_fixture.h"

namespace praefect::datastore {
namespace {

// Does at random what Praefects do to one repository, and after each step holds the rows against
// what the rules make of the rows before.
class Wanderer {
 public:
  // Assigned to these storages, or wanted on all.
  Wanderer(StoreFixture& books, uint32_t seed, std::vector<std::string> assignments)
      : books_(books), random_(seed) {
    id_ = books.Make("p.git", std::move(assignments));
  }

  void Step() {
    const Repository before = books_.Get(id_);
    switch (Pick(10)) {
      case 0:
      case 1:
        return OpenOne(before);
      case 2:
      case 3:
      case 4:
        return SettleSome(before);
      case 5:
        return Apply(before, StartCopyOnto(Storage(), {Storage(), Storage(), "a"}, true,
                                           books_.NextNumber(), books_.instance));
      case 6:
        return Apply(before, CompleteRun(Storage(), RunOf(before), Pick(4) != 0));
      case 7:
        return Apply(before, Pick(2) ? PromoteTo(Storage(), Pick(2) == 0) : Failed(before));
      case 8:
        return Apply(before, Pick(2) ? LoseRun(Storage(), RunOf(before))
                                     : ReleaseRun(Storage(), RunOf(before)));
      default:
        return Apply(before, Rare());
    }
  }

 private:
  int Pick(int n) { return static_cast<int>(random_() % n); }
  std::string Storage() { return std::string(1, static_cast<char>('a' + Pick(3))); }
  std::string Disk() { return Pick(3) == 0 ? "disk-2" : "disk-1"; }
  int64_t RunOf(const Repository& repository) {
    return repository.books.replicas[Pick(static_cast<int>(repository.storages.size()))].job.run;
  }
  Rule Failed(const Repository& before) {
    switch (Pick(4)) {
      case 0:
        return ParkJob(Storage(), "park");
      case 1:
        return PutJobOff(Storage(), "put off", {});
      case 2:
        return ParkRun(Storage(), RunOf(before), "park a run");
      default:
        return RetryRun(Storage(), RunOf(before), "again", std::chrono::minutes(Pick(2)));
    }
  }
  Rule Rare() {
    switch (Pick(6)) {
      case 0:
        return WithdrawClaimOf(Storage());
      case 1:
        return SuspectStorage(Storage(), Disk());
      case 2:
        return GiveUpStorage(Storage());
      case 3:
        return PromoteWithLossTo(Storage());
      default:
        return RestoreStorage(Storage(), Disk());
    }
  }

  void Apply(const Repository& before, const Rule& rule) {
    Repository expected = before;
    PlaceWanted(expected, books_.storages());
    const bool done = rule(expected);
    CHECK(books_.Change(id_, rule) == (done ? Changed::kDone : Changed::kRefused));
    CheckBooks(done ? expected : before);
  }

  void OpenOne(const Repository& before) {
    Call call{books_.NextNumber(), id_, Storage(), before.books.term - Pick(2)};
    Repository expected = before;
    const bool may = MayOpen(before.books, before.Position(call.storage), call.term);
    if (may) Open(expected.books, call.intent);
    CHECK(books_.Open(call) == may);
    if (may) calls_.push_back(call);
    CheckBooks(expected);
  }

  void SettleSome(const Repository& before) {
    if (calls_.empty()) return;
    const Call call = calls_[Pick(static_cast<int>(calls_.size()))];
    std::erase_if(calls_, [&](const Call& each) { return each.intent == call.intent; });
    Repository expected = before;
    PlaceWanted(expected, books_.storages());
    const Settlement settlement{.intent = call.intent,
                                .storage = expected.Position(call.storage),
                                .term = call.term,
                                .node_ok = Pick(4) != 0,
                                .told_otherwise = Pick(4) == 0};
    const bool good = Acknowledges(expected.books, settlement);
    Settle(expected.books, {&settlement, 1});
    CHECK(books_.Settle(call, settlement.node_ok, settlement.told_otherwise) ==
          (good ? Settled::kAcknowledged : Settled::kNotKept));
    CheckBooks(expected);
  }

  void CheckBooks(const Repository& expected) { REQUIRE(Dump(books_.Get(id_)) == Dump(expected)); }

  StoreFixture& books_;
  std::mt19937 random_;
  int64_t id_ = 0;
  std::vector<Call> calls_;
};

TEST_CASE("whatever happens, the rows are what the rules say") {
  const db::Kind kind = EachKind();
  const uint32_t seed = std::random_device()();
  const bool assigned = GENERATE(false, true);
  INFO("seed " << seed << (assigned ? ", assigned to a and b" : ""));
  StoreFixture books(kind);
  using Assignments = std::vector<std::string>;
  Wanderer wanderer(books, seed, assigned ? Assignments{"a", "b"} : Assignments());
  for (int step = 0; step < 300; ++step) wanderer.Step();
}

}  // namespace
}  // namespace praefect::datastore
