// How Praefect ends: what is under way may finish, for a while.

#include <signal.h>

#include <catch2/catch.hpp>
#include <future>
#include <nlohmann/json.hpp>

#include "e2e/cluster.h"
#include "e2e/held_clone.h"
#include "e2e/large_repository.h"

namespace praefect::test {
namespace {

namespace fs = std::filesystem;

constexpr char kDraining[] = "shutting down: waiting for clients to finish";
constexpr std::chrono::seconds kAtOnce{10};  // less than the grace that stories have

// `git push` that is connected, and waits in its pre-push hook until it is let go.
class HeldPush {
 public:
  explicit HeldPush(const WorkingCopy& copy) : copy_(copy) {
    const fs::path hook = copy.directory() / ".git/hooks/pre-push";
    fs::create_directories(hook.parent_path());
    WriteFile(hook, "#!/bin/sh\n: >held\nwhile [ ! -e go ]; do sleep 0.02; done\n");
    fs::permissions(hook, fs::perms::owner_all);
    push_ = std::async(std::launch::async, [this] {
      return copy_.Try({"push", "origin", "main"});
    });
    REQUIRE(Eventually([&] { return fs::exists(copy.directory() / "held"); }));
  }
  ~HeldPush() { LetGo(); }

  void LetGo() { WriteFile(copy_.directory() / "go", ""); }
  Outcome LetGoAndWait() {
    LetGo();
    return push_.get();
  }

 private:
  const WorkingCopy& copy_;
  std::future<Outcome> push_;
};

WorkingCopy CreateLarge(Cluster& cluster) {
  const WorkingCopy copy = cluster.CreateWithCommit("large.git");
  CommitRandomFiles(copy, 10);
  copy.Push({"main"});
  return copy;
}

TEST_CASE("TERM and INT end an idle Praefect with exit code 0") {
  const int signal = GENERATE(SIGTERM, SIGINT);
  Cluster cluster;
  cluster.praefect().Signal(signal);
  CHECK(cluster.praefect().WaitExit(kAtOnce) == 0);
  CHECK(cluster.praefect().Log().back().value("msg", "") == "Praefect has stopped");
}

TEST_CASE("A push that is under way at TERM finishes, then Praefect ends") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  const std::string id = copy.Commit("README", "second\n");
  HeldPush push(copy);
  cluster.praefect().Signal(SIGTERM);
  cluster.praefect().WaitLog(kDraining);
  CHECK(!cluster.praefect().WaitExit(std::chrono::milliseconds::zero()));
  CHECK(push.LetGoAndWait().exit_status == 0);
  CHECK(cluster.praefect().WaitExit(kAtOnce) == 0);
  CHECK(cluster.primary().Refs("a.git").at("refs/heads/main") == id);
}

TEST_CASE("After TERM readiness goes first, then the listeners, and what is open finishes") {
  ClusterSetup setup;
  setup.graceful_stop_delay = "3s";
  Cluster cluster(setup);
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  copy.Commit("README", "second\n");
  HeldPush push(copy);
  cluster.praefect().Signal(SIGTERM);
  cluster.praefect().WaitLog("told to stop: not ready any more, still listening");
  CHECK(cluster.TryClone("a.git").exit_status == 0);
  cluster.praefect().WaitLog(kDraining);
  CHECK(Eventually([&] { return cluster.TryClone("a.git").exit_status == 128; }));
  CHECK(push.LetGoAndWait().exit_status == 0);
  CHECK(cluster.praefect().WaitExit(kAtOnce) == 0);
}

TEST_CASE("Nobody new is let in after TERM") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  HeldPush push(copy);
  cluster.praefect().Signal(SIGTERM);
  cluster.praefect().WaitLog(kDraining);
  CHECK(Eventually([&] { return cluster.TryClone("a.git").exit_status == 128; }));
  CHECK(push.LetGoAndWait().exit_status == 0);
}

TEST_CASE("A second TERM ends what is under way at once") {
  Cluster cluster;
  CreateLarge(cluster);
  HeldClone clone(cluster, "large.git");
  cluster.praefect().Signal(SIGTERM);
  cluster.praefect().WaitLog(kDraining);
  cluster.praefect().Signal(SIGTERM);
  CHECK(cluster.praefect().WaitExit(kAtOnce) == 0);
  CHECK(clone.LetGoAndWait().exit_status == 128);
}

TEST_CASE("A client that stalls is waited for no longer than graceful_stop_timeout") {
  ClusterSetup setup;
  setup.graceful_stop_timeout = "1s";
  Cluster cluster(setup);
  CreateLarge(cluster);
  HeldClone clone(cluster, "large.git");
  cluster.praefect().Signal(SIGTERM);
  CHECK(cluster.praefect().WaitExit(kAtOnce) == 0);
  cluster.praefect().WaitLog("grace period expired: ending the calls that are open");
  CHECK(clone.LetGoAndWait().exit_status == 128);
}

}  // namespace
}  // namespace praefect::test
