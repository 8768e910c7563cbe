// Nodes that are new, and disks that are emptied, exchanged, or full.

#include <signal.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <future>
#include <nlohmann/json.hpp>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

const std::vector<std::string> kPaths = {"a.git", "b.git", "c.git"};

using References = std::map<std::string, std::map<std::string, std::string>>;  // by path

// Where no rename moved it, a repository lies at its own path.
bool HasAll(Cluster& cluster, size_t index, const References& references) {
  return std::all_of(references.begin(), references.end(), [&](const auto& repository) {
    const auto& [path, refs] = repository;
    return cluster.node(index).Has(path) && cluster.node(index).Refs(path) == refs;
  });
}

// Each repository on all nodes, and nothing left to be done; what each holds.
References FillUp(Cluster& cluster, size_t nodes = 3) {
  References references;
  for (const std::string& path : kPaths) {
    cluster.CreateWithCommit(path);
    references[path] = cluster.primary().Refs(path);
  }
  int looks = 0;
  REQUIRE(Eventually([&] {
    bool idle = cluster.praefect().Metric("gitaly_praefect_replication_jobs") == 0;
    for (size_t i = 0; i < nodes; ++i) idle = idle && HasAll(cluster, i, references);
    looks = idle ? looks + 1 : 0;
    return looks == 5;
  }));
  return references;
}

TEST_CASE("A node that is new fills up by itself") {
  Cluster cluster;
  const std::string whole = cluster.config();
  const size_t third = whole.rfind("[[virtual_storage.node]]");
  cluster.Reload(whole.substr(third), "");
  cluster.praefect().WaitLog("node removed");
  cluster.praefect().Signal(SIGTERM);
  REQUIRE(cluster.praefect().WaitExit() == 0);
  cluster.RestartPraefect();
  const References references = FillUp(cluster, 2);
  CHECK_FALSE(cluster.node(2).Has("a.git"));
  cluster.Reload(cluster.config(), whole);
  cluster.praefect().WaitLog("node added");
  CHECK(Eventually([&] { return HasAll(cluster, 2, references); }));
}

TEST_CASE("A secondary that comes back empty gets everything again, also over a restart") {
  Cluster cluster;
  const References references = FillUp(cluster);
  cluster.praefect().Signal(SIGTERM);
  REQUIRE(cluster.praefect().WaitExit() == 0);
  REQUIRE(cluster.node(2).Stop() == 0);
  cluster.node(2).LoseDisk();
  cluster.node(2).Start();
  cluster.RestartPraefect();
  cluster.praefect().WaitLog("a storage came back empty: it is filled up again");
  CHECK(Eventually([&] { return HasAll(cluster, 2, references); }));
  CHECK(HasAll(cluster, 0, references));
}

TEST_CASE("A primary that comes back empty is neither written to nor copied from") {
  Cluster cluster;
  const References references = FillUp(cluster);
  cluster.primary().Crash();
  cluster.primary().LoseDisk();
  cluster.primary().Start();
  cluster.praefect().WaitLog("the node's disk is in doubt, nothing is written there");
  const size_t writes = cluster.primary().CallsOf("SSHReceivePack");
  WorkingCopy copy = cluster.NewWorkingCopy("a.git");
  copy.Commit("README", "second\n");
  CHECK(copy.Try({"push", "origin", "HEAD:other"}).exit_status != 0);
  CHECK(cluster.primary().CallsOf("SSHReceivePack") == writes);
  cluster.praefect().WaitLog("a storage came back empty: it is filled up again");
  CHECK(Eventually([&] { return HasAll(cluster, 0, references); }));
  for (size_t i : {1, 2}) CHECK(HasAll(cluster, i, references));
}

TEST_CASE("A primary that is back at once on another disk sees no write") {
  Cluster cluster;
  const References references = FillUp(cluster);
  const WorkingCopy copy = cluster.Clone("a.git");
  copy.Commit("README", "second\n");
  cluster.primary().Crash();
  cluster.primary().LoseDisk();
  cluster.primary().Start();
  const size_t writes = cluster.primary().CallsOf("SSHReceivePack");
  CHECK(copy.Try({"push", "origin", "HEAD:other"}).exit_status != 0);
  CHECK(cluster.primary().CallsOf("SSHReceivePack") == writes);
  cluster.praefect().WaitLog("a storage came back empty: it is filled up again");
  CHECK(Eventually([&] { return HasAll(cluster, 0, references); }));
}

TEST_CASE("A disk that comes back is the one that it was, whatever another one held meanwhile") {
  Cluster cluster;
  const References references = FillUp(cluster);
  REQUIRE(cluster.node(2).Stop() == 0);
  cluster.node(2).TakeDiskAway();
  const auto stranger = cluster.node(2).Folder("stranger.git");
  REQUIRE(Git({"init", "--bare", "--quiet", stranger.string()}).exit_status == 0);
  cluster.node(2).Start();
  cluster.praefect().WaitLog("replicas are suspect: their storage is on another disk");
  REQUIRE(cluster.node(2).Stop() == 0);
  cluster.node(2).BringDiskBack();
  cluster.node(2).Start();
  cluster.praefect().WaitLog("replicas on a disk that was in doubt are decided over");
  CHECK(HasAll(cluster, 2, references));
  cluster.primary().Crash();
  cluster.node(1).Crash();
  CHECK(Eventually([&] { return cluster.TryClone("a.git").exit_status == 0; }));
  cluster.primary().Start();
  cluster.node(1).Start();
}

TEST_CASE("A storage that leaves while a write lingers there holds nobody up, and is back behind") {
  Cluster cluster;
  FillUp(cluster);
  const auto lingering = [&] { return cluster.praefect().Metric("gitaly_praefect_lingering"); };
  const WorkingCopy copy = cluster.Clone("a.git");
  copy.Commit("README", "second\n");
  const auto push = [&](const std::string& branch) {
    return copy.Try({"push", "--quiet", "origin", "HEAD:refs/heads/" + branch});
  };
  cluster.primary().SetFaults("hang@SSHReceivePack\n");
  const size_t calls = cluster.primary().CallsOf("SSHReceivePack");
  auto lost = std::async(std::launch::async, [&] { return push("lost"); });
  REQUIRE(Eventually([&] { return cluster.primary().CallsOf("SSHReceivePack") > calls; }));
  cluster.primary().Crash();
  CHECK(lost.get().exit_status != 0);
  REQUIRE(Eventually([&] { return lingering() == 1; }));

  const std::string whole = cluster.config();
  const size_t first = whole.find("[[virtual_storage.node]]");
  const size_t second = whole.find("[[virtual_storage.node]]", first + 1);
  cluster.Reload(whole.substr(first, second - first), "");
  CHECK(Eventually([&] { return lingering() == 0; }));
  CHECK(Eventually([&] { return push("kept").exit_status == 0; }));

  // What the node did with the write after all.
  const std::string folder = cluster.primary().Folder("a.git").string();
  REQUIRE(Git({"--git-dir=" + folder, "update-ref", "refs/heads/lost", "main"}).exit_status == 0);
  cluster.primary().SetFaults("");
  cluster.primary().Start();
  cluster.Reload(cluster.config(), whole);
  const std::map<std::string, std::string> kept = {{"refs/heads/main", copy.Id("HEAD^")},
                                                   {"refs/heads/kept", copy.Id("HEAD")}};
  for (size_t i : {0, 1, 2}) {
    CHECK(Eventually([&] { return cluster.node(i).Refs("a.git") == kept; }));
  }
}

TEST_CASE("A secondary whose disk takes nothing holds nobody up, and recovers by itself") {
  Cluster cluster;
  const auto in_the_way = cluster.node(1).Folder("group");
  WriteFile(in_the_way, "no folder can be made here");
  const WorkingCopy copy = cluster.CreateWithCommit("group/a.git");
  cluster.praefect().WaitLog([](const nlohmann::json& line) {
    return line.value("msg", "") == "replication job failed" &&
           line.value("error", "").find("gitaly-2") != std::string::npos;
  });
  copy.Commit("README", "second\n");
  copy.Push({"main:other"});
  REQUIRE(Eventually([&] { return cluster.node(2).Refs("group/a.git").size() == 2; }));
  std::filesystem::remove(in_the_way);
  CHECK(Eventually([&] {
    return cluster.node(1).Has("group/a.git") && cluster.node(1).Refs("group/a.git").size() == 2;
  }));
}

}  // namespace
}  // namespace praefect::test
