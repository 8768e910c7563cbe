// What the crash test calls a loss: every one is found, and what may be is let pass.

#include "judgement.h"

#include <algorithm>
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
  // A problem says it, so no test passes for what another finding finds.
  bool Finds(const std::string& text) {
    const auto problems = Judged().problems;
    return std::any_of(problems.begin(), problems.end(), [&](const std::string& problem) {
      return problem.find(text) != std::string::npos;
    });
  }
  void EverywhereLies(const std::string& place, const Content& content) {
    for (auto& [storage, disk] : disks) disk[place] = content;
  }

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

TEST_CASE_METHOD(Settled, "A repository that one node has lost is found out") {
  disks["gitaly-3"].clear();
  CHECK(Judged().lost == 1);
  CHECK(Finds("acknowledged references: gitaly-3"));
}

TEST_CASE_METHOD(Settled, "A repository without references that is lost is found out") {
  ledger.Created(ledger.Begin(0, "group/1.git"));
  shown["group/1.git"] = std::nullopt;
  CHECK(Finds("lost: project 1 has no name any more"));
}

TEST_CASE_METHOD(Settled, "A repository that comes back is found out") {
  ledger.BeginRemoval(project);
  ledger.Removed(project);
  CHECK(Finds("resurrected: project 0"));
  ForgetEverywhere();
  CHECK(IsFine());
}

TEST_CASE_METHOD(Settled, "A repository without references that comes back is found out") {
  const int empty = ledger.Begin(0, "group/1.git");
  ledger.Created(empty);
  EverywhereLies("group/1.git", {"refs/heads/main", {}});
  shown["group/1.git"] = References();
  CHECK(IsFine());
  ledger.BeginRemoval(empty);
  CHECK(IsFine());
  ledger.Removed(empty);
  CHECK(Finds("resurrected: group/1.git"));
}

TEST_CASE_METHOD(Settled, "A name that nobody ever had is found out") {
  EverywhereLies("group/1.git", {"refs/heads/main", {}});
  shown["group/1.git"] = References();
  CHECK(Finds("resurrected: group/1.git"));
}

TEST_CASE_METHOD(Settled, "A replica that is left behind on all nodes is found out") {
  EverywhereLies("group/1.git", {"refs/heads/main", {}});
  CHECK(Finds("2 repositories lie on gitaly-2, and 1 have a name"));
}

TEST_CASE_METHOD(Settled, "A repository that lies there twice is found out") {
  EverywhereLies("group/1.git", disks["gitaly-1"][kPlace]);
  CHECK(Finds("project 0 is twice on gitaly-1"));
}

TEST_CASE_METHOD(Settled, "A push into another repository is found out") {
  for (auto& [storage, disk] : disks) disk[kPlace].references["refs/heads/p7-t0-0"] = "bbb";
  CHECK(Finds("strayed: references of 2 projects"));
}

TEST_CASE_METHOD(Settled, "A reference that nobody pushed is found out") {
  for (auto& [storage, disk] : disks) disk[kPlace].references["refs/heads/p0-t0-9"] = "bbb";
  CHECK(Finds("refs/heads/p0-t0-9 of 0 on gitaly-1 was never pushed"));
}

TEST_CASE_METHOD(Settled, "What Praefect shows and no node has is found out") {
  shown[kPlace] = References{{kBranch, "bbb"}};
  CHECK(Finds("shows of group/0.git lies nowhere"));
}

TEST_CASE_METHOD(Settled, "A name that shows another repository is found out") {
  ledger.BeginRename(project, "group/1.git");
  CHECK(IsFine());
  ledger.Renamed(project, kPlace);
  CHECK(Finds("project 0 has the name group/0.git, which is not its own"));
  shown["group/1.git"] = std::exchange(shown[kPlace], std::nullopt);
  CHECK(IsFine());
}

TEST_CASE_METHOD(Settled, "A repository with two names is found out") {
  ledger.BeginRename(project, "group/1.git");
  shown["group/1.git"] = shown[kPlace];
  CHECK(Finds("project 0 has two names"));
}

TEST_CASE_METHOD(Settled, "A HEAD that was set is lost when it is another one") {
  ledger.BeginHead(project, kBranch);
  CHECK(IsFine());
  ledger.HeadSet(project, kBranch);
  CHECK(Judged().lost == 3);
  CHECK(Finds("lost: HEAD of 0"));
}

}  // namespace
}  // namespace praefect::crash
