// What the crash test calls a loss: every one is found, and what may be is let pass.

#include "judgement.h"

#include <catch2/catch.hpp>

namespace praefect::crash {
namespace {

constexpr char kPlace[] = "group/0.git";
constexpr char kBranch[] = "refs/heads/p0-t0-0";

// One repository with one acknowledged push, as it should be.
struct Settled {
  Settled() {
    project = ledger.Begin(0, kPlace);
    ledger.Created(project);
    Push(kBranch, "aaa");
    for (const char* storage : {"gitaly-1", "gitaly-2", "gitaly-3"}) {
      disks[storage][kPlace] = {"refs/heads/main", {{kBranch, "aaa"}}};
    }
    shown[kPlace] = References{{kBranch, "aaa"}};
  }
  void Push(const std::string& reference, const std::string& value) {
    ledger.BeginPush(project, reference, value);
    ledger.Pushed(project, reference, value);
  }
  void EverywhereIs(const std::string& value) {
    for (auto& [storage, disk] : disks) disk[kPlace].references[kBranch] = value;
    shown[kPlace] = References{{kBranch, value}};
  }
  void ForgetEverywhere() {
    for (auto& [storage, disk] : disks) disk.clear();
    shown[kPlace] = std::nullopt;
  }
  Verdict Judged() { return Judge(ledger.All(), disks, shown); }
  bool IsFine() { return Judged().problems.empty(); }

  Ledger ledger;
  int project = 0;
  std::map<std::string, Disk> disks;
  Shown shown;
};

TEST_CASE_METHOD(Settled, "What is everywhere is fine") {
  CHECK(IsFine());
  ledger.BeginPush(project, kBranch, "bbb");
  CHECK(IsFine());
  EverywhereIs("bbb");  // it was tried
  CHECK(IsFine());
}

TEST_CASE_METHOD(Settled, "An acknowledged push that is missing is lost") {
  SECTION("it was never there") { Push("refs/heads/p0-t0-1", "bbb"); }
  SECTION("an older value is there") { Push(kBranch, "bbb"); }
  SECTION("what was deleted is there again") { Push(kBranch, ""); }
  CHECK(Judged().lost == 3);
}

TEST_CASE_METHOD(Settled, "A replica that differs is divergent") {
  SECTION("a reference more") { disks["gitaly-2"][kPlace].references["refs/heads/p0-t0-1"] = "a"; }
  SECTION("another HEAD") { disks["gitaly-2"][kPlace].head = "refs/heads/other"; }
  SECTION("it is missing") { disks["gitaly-2"].clear(); }
  SECTION("it was left") { disks["gitaly-2"]["group/1.git"] = {"refs/heads/main", {}}; }
  CHECK(Judged().divergent == 1);
}

TEST_CASE_METHOD(Settled, "A repository that is lost is found out") {
  ForgetEverywhere();
  CHECK(Judged().lost == 1);
  ledger.BeginRemoval(project);  // in doubt: both may be
  CHECK(IsFine());
}

TEST_CASE_METHOD(Settled, "A repository without references that is lost is found out") {
  ledger.Created(ledger.Begin(0, "group/1.git"));
  shown["group/1.git"] = std::nullopt;
  CHECK_FALSE(IsFine());
}

TEST_CASE_METHOD(Settled, "A repository that comes back is found out") {
  ledger.BeginRemoval(project);
  ledger.Removed(project);
  CHECK_FALSE(IsFine());
  ForgetEverywhere();
  CHECK(IsFine());
}

TEST_CASE_METHOD(Settled, "A push into another repository is found out") {
  for (auto& [storage, disk] : disks) disk[kPlace].references["refs/heads/p7-t0-0"] = "bbb";
  CHECK_FALSE(IsFine());
}

TEST_CASE_METHOD(Settled, "A name that shows another repository is found out") {
  ledger.BeginRename(project, "group/1.git");
  CHECK(IsFine());
  ledger.Renamed(project, kPlace);
  CHECK_FALSE(IsFine());
  shown["group/1.git"] = std::exchange(shown[kPlace], std::nullopt);
  CHECK(IsFine());
}

TEST_CASE_METHOD(Settled, "A HEAD that was set is lost when it is another one") {
  ledger.BeginHead(project, kBranch);
  CHECK(IsFine());
  ledger.HeadSet(project, kBranch);
  CHECK(Judged().lost == 3);
}

}  // namespace
}  // namespace praefect::crash
