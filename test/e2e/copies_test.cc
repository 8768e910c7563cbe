// Replicas that are brought up, whatever comes between.

#include <catch2/catch.hpp>

#include "e2e/replicas.h"

namespace praefect::test {
namespace {

using datastore::JobState;

constexpr char kCopy[] = "ReplicateRepository";

TEST_CASE("A repository is copied to every node, and so is each write") {
  Replicas replicas;
  const int64_t id = replicas.Make("a.git");
  replicas.Write(id, "main");
  REQUIRE(replicas.WaitUntilWhole(id));
  CHECK(replicas.node(2).Refs("a.git").size() == 1);
  CHECK(replicas.HaveEqualRefs("a.git"));
  for (int i = 0; i < 5; ++i) replicas.Write(id, "branch-" + std::to_string(i));
  REQUIRE(replicas.WaitUntilWhole(id));
  CHECK(replicas.node(2).Refs("a.git").size() == 6);
  CHECK(replicas.HaveEqualRefs("a.git"));
}

TEST_CASE("A copy that fails is tried again, and its error is kept") {
  Replicas replicas;
  replicas.node(1).SetFaults("error=UNAVAILABLE@ReplicateRepository");
  const int64_t id = replicas.Make("a.git");
  REQUIRE(Eventually([&] { return replicas.JobOn(id, 1).attempts >= 2; }));
  CHECK(replicas.JobOn(id, 1).error.find("node \"gitaly-2\"") == 0);
  replicas.node(1).SetFaults("");
  CHECK(replicas.WaitUntilWhole(id));
  CHECK(replicas.node(1).Has("a.git"));
}

TEST_CASE("A copy that cannot work is parked, and tried again when the node is back") {
  Replicas replicas;
  replicas.node(1).SetFaults("error=UNIMPLEMENTED@ReplicateRepository");
  const int64_t id = replicas.Make("a.git");
  REQUIRE(Eventually([&] { return replicas.JobOn(id, 1).state == JobState::kParked; }));
  CHECK_FALSE(replicas.JobOn(id, 1).error.empty());
  replicas.node(1).SetFaults("");
  replicas.SetHealth(1, nodes::Health::kDown);
  replicas.SetHealth(1, nodes::Health::kUp);
  CHECK(replicas.WaitUntilWhole(id));
}

TEST_CASE("What nobody knows at a replica's place is never overwritten") {
  Replicas replicas;
  const auto folder = replicas.node(1).Folder("a.git");
  REQUIRE(Git({"init", "--bare", "--quiet", folder.string()}).exit_status == 0);
  WriteFile(folder / "precious", "content");
  const int64_t id = replicas.Make("a.git");
  REQUIRE(Eventually([&] { return replicas.JobOn(id, 1).state == JobState::kParked; }));
  CHECK(replicas.JobOn(id, 1).error.find("is not overwritten") != std::string::npos);
  CHECK(ReadFile(folder / "precious") == "content");
  CHECK(replicas.node(1).CallsOf(kCopy) == 0);
  std::filesystem::remove_all(folder);
  replicas.Write(id, "main");
  CHECK(replicas.WaitUntilWhole(id));
}

TEST_CASE("What another Praefect has just copied is not taken for unknown") {
  Replicas replicas;
  replicas.node(1).Freeze();
  const int64_t id = replicas.Make("a.git");
  // By now the copy onto the frozen node has looked into the books, and asks what is there.
  REQUIRE(Eventually([&] { return replicas.JobOn(id, 2).state == JobState::kNone; }));
  REQUIRE(Git({"clone", "--quiet", "--mirror", replicas.node(0).Folder("a.git").string(),
               replicas.node(1).Folder("a.git").string()})
              .exit_status == 0);
  replicas.Copied(id, 1);
  replicas.Write(id, "main");
  replicas.node(1).Thaw();
  CHECK(replicas.WaitUntilWhole(id));
  CHECK(replicas.HaveEqualRefs("a.git"));
}

TEST_CASE("A node that dies during a copy gets another one when it can no longer apply the first") {
  Replicas replicas;
  replicas.node(1).SetFaults("crash@ReplicateRepository");
  const int64_t id = replicas.Make("a.git");
  REQUIRE(Eventually([&] { return replicas.JobOn(id, 1).state == JobState::kLingering; }));
  replicas.node(1).Stop();
  replicas.node(1).SetFaults("");
  replicas.node(1).Start();
  CHECK(replicas.WaitUntilWhole(id));
  CHECK(replicas.HaveEqualRefs("a.git"));
}

TEST_CASE("Lock files that a killed git left are cleaned up") {
  Replicas replicas;
  const int64_t id = replicas.Make("a.git");
  replicas.Write(id, "main");
  REQUIRE(replicas.WaitUntilWhole(id));
  replicas.node(1).SetFaults("stale-lock@ReplicateRepository");
  replicas.Write(id, "main");
  REQUIRE(Eventually([&] { return replicas.node(1).CallsOf("OptimizeRepository") > 0; }));
  replicas.node(1).SetFaults("");
  CHECK(replicas.WaitUntilWhole(id));
  CHECK(replicas.HaveEqualRefs("a.git"));
}

TEST_CASE("A source that has lost the repository loses its claim") {
  Replicas replicas;
  const int64_t id = replicas.Make("a.git");
  replicas.Write(id, "main");
  REQUIRE(replicas.WaitUntilWhole(id));
  std::filesystem::remove_all(replicas.node(0).Folder("a.git"));
  // Nobody knows yet: a third replica that is behind asks for a copy.
  replicas.Withdraw(id, 2);
  REQUIRE(Eventually([&] { return replicas.Get(id).books.primary == datastore::kNoStorage; }));
  CHECK(replicas.node(1).Refs("a.git").size() == 1);
}

TEST_CASE("A replica that differs while nothing is written is made anew") {
  Replicas replicas;
  const int64_t id = replicas.Make("a.git");
  replicas.Write(id, "main");
  REQUIRE(replicas.WaitUntilWhole(id));
  // Somebody's hand in it, after the copy and before it is compared.
  replicas.node(1).SetFaults("delay=3000@ReplicateRepository");
  replicas.Write(id, "other");
  REQUIRE(Eventually([&] { return replicas.node(1).Refs("a.git").size() == 2; }));
  replicas.node(1).SetFaults("");
  const auto refs = replicas.node(1).Refs("a.git");
  REQUIRE(Git({"--git-dir=" + replicas.node(1).Folder("a.git").string(), "update-ref",
               "refs/heads/stray", refs.begin()->second})
              .exit_status == 0);
  REQUIRE(Eventually([&] { return replicas.node(1).CallsOf("RemoveRepository") > 0; }));
  CHECK(replicas.WaitUntilWhole(id));
  CHECK(replicas.HaveEqualRefs("a.git"));
}

TEST_CASE("A copy claims nothing when nobody vouches for its source or target any more") {
  Replicas replicas;
  const int64_t id = replicas.Make("a.git");
  REQUIRE(replicas.WaitUntilWhole(id));
  replicas.node(1).Freeze();
  replicas.Write(id, "main");
  REQUIRE(Eventually([&] {
    return replicas.JobOn(id, 1).state == JobState::kRunning &&
           replicas.JobOn(id, 2).state == JobState::kNone;
  }));
  SECTION("its source, which was the primary") {
    replicas.Withdraw(id, 0);
    CHECK(replicas.Get(id).books.primary == datastore::kNoStorage);
    CHECK(replicas.JobOn(id, 1).claim == datastore::kNoClaim);
    replicas.Promote(id, 2);
  }
  SECTION("its target") {
    replicas.Withdraw(id, 1);
    CHECK(replicas.JobOn(id, 1).claim == datastore::kNoClaim);
  }
  const size_t before = replicas.node(1).CallsOf(kCopy);
  replicas.node(1).Thaw();
  REQUIRE(replicas.WaitUntilWhole(id));
  CHECK(replicas.node(1).CallsOf(kCopy) > before);
  CHECK(replicas.HaveEqualRefs("a.git"));
}

TEST_CASE("A repository that was removed goes from every disk, and then from the books") {
  Replicas replicas;
  const int64_t id = replicas.Make("a.git");
  REQUIRE(replicas.WaitUntilWhole(id));
  replicas.node(2).SetFaults("error=UNAVAILABLE@RemoveRepository");
  replicas.Remove(id);
  REQUIRE(Eventually([&] { return replicas.JobOn(id, 2).attempts > 0; }));
  CHECK(replicas.node(2).Has("a.git"));
  replicas.node(2).SetFaults("");
  REQUIRE(Eventually([&] { return !replicas.Exists(id); }));
  for (size_t i = 0; i < 3; ++i) CHECK_FALSE(replicas.node(i).Has("a.git"));
}

}  // namespace
}  // namespace praefect::test
