// What a client pushes is on every node.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

// Where no rename moved it, a repository lies at its own path.
bool IsEverywhere(Cluster& cluster, const std::string& path, size_t references) {
  for (size_t i = 0; i < 3; ++i) {
    if (!cluster.node(i).Has(path)) return false;
  }
  const auto refs = cluster.node(0).Refs(path);
  return refs.size() == references && cluster.node(1).Refs(path) == refs &&
         cluster.node(2).Refs(path) == refs;
}

// The copies are proven, too: a node that dies before that leaves them unrecorded, and lingering.
// One that was not enough is followed by the next at once.
bool BecomesProven(Cluster& cluster, const std::string& path, size_t references) {
  int looks = 0;
  return Eventually([&] {
    const bool idle = IsEverywhere(cluster, path, references) &&
                      cluster.praefect().Metric("gitaly_praefect_replication_jobs") == 0;
    looks = idle ? looks + 1 : 0;
    return looks == 5;
  });
}

TEST_CASE("What is created and pushed comes to every node") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  CHECK(Eventually([&] { return IsEverywhere(cluster, "a.git", 1); }));
  copy.Commit("README", "second\n");
  copy.Push({"main:other"});
  CHECK(Eventually([&] { return IsEverywhere(cluster, "a.git", 2); }));
  const WorkingCopy clone = cluster.Clone("a.git");
  CHECK(clone.Try({"rev-parse", "origin/other"}).exit_status == 0);
}

TEST_CASE("When the primary dies, what was pushed is read from another node") {
  Cluster cluster;
  cluster.CreateWithCommit("a.git");
  REQUIRE(BecomesProven(cluster, "a.git", 1));
  cluster.primary().Crash();
  CHECK(Eventually([&] { return cluster.TryClone("a.git").exit_status == 0; }));
  cluster.primary().Start();
}

TEST_CASE("A node that was away while others were written to catches up") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  REQUIRE(BecomesProven(cluster, "a.git", 1));
  cluster.node(2).Crash();
  copy.Commit("README", "second\n");
  copy.Push({"main:other"});
  cluster.node(2).Start();
  CHECK(Eventually([&] { return IsEverywhere(cluster, "a.git", 2); }));
}

TEST_CASE(
    "A node that joins a running Praefect gets what is written; what it holds stays when it "
    "leaves") {
  ClusterSetup setup;
  setup.virtual_storages = {{"default", {"gitaly-1", "gitaly-2"}}, {"other", {"gitaly-3"}}};
  Cluster cluster(setup);
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  const std::string other = "[[virtual_storage]]\nname = 'other'\n";
  const std::string apart = cluster.config().substr(cluster.config().find(other));
  std::string joined = apart.substr(other.size());
  joined.replace(joined.find("true"), 4, "false");
  const auto joins = [&] {
    return cluster.praefect().Metric(
               "gitaly_praefect_node_last_healthcheck_up",
               {"virtual_storage=\"default\"", "gitaly_storage=\"gitaly-3\""}) == 1;
  };
  cluster.Reload(apart, joined);
  REQUIRE(Eventually(joins));
  copy.Commit("README", "second\n");
  copy.Push({"main:other"});
  REQUIRE(BecomesProven(cluster, "a.git", 2));
  cluster.Reload(joined, apart);
  REQUIRE(Eventually([&] { return !joins(); }));
  copy.Commit("README", "third\n");
  copy.Push({"main"});
  CHECK(cluster.node(2).Refs("a.git").size() == 2);
  cluster.Reload(apart, joined);
  CHECK(Eventually([&] { return IsEverywhere(cluster, "a.git", 2); }));
}

TEST_CASE("A repository is removed from every disk, renamed without touching one, and asked for") {
  Cluster cluster;
  cluster.CreateWithCommit("a.git");
  const auto exists = [&](const std::string& path) {
    const Outcome asked = cluster.Call("RepositoryService/RepositoryExists",
                                       {{{"repository", cluster.Repository(path)}}});
    REQUIRE(asked.exit_status == 0);
    return asked.output.find("true") != std::string::npos;
  };
  CHECK(exists("a.git"));
  CHECK_FALSE(exists("b.git"));
  REQUIRE(cluster
              .Call("RepositoryService/RenameRepository",
                    {{{"repository", cluster.Repository("a.git")}, {"relativePath", "b.git"}}})
              .exit_status == 0);
  CHECK(exists("b.git"));
  CHECK_FALSE(exists("a.git"));
  CHECK(cluster.Clone("b.git").Try({"rev-parse", "origin/main"}).exit_status == 0);
  REQUIRE(Eventually([&] { return IsEverywhere(cluster, "a.git", 1); }));
  REQUIRE(cluster
              .Call("RepositoryService/RemoveRepository",
                    {{{"repository", cluster.Repository("b.git")}}})
              .exit_status == 0);
  CHECK_FALSE(exists("b.git"));
  CHECK(Eventually([&] {
    return !cluster.node(0).Has("a.git") && !cluster.node(1).Has("a.git") &&
           !cluster.node(2).Has("a.git");
  }));
}

TEST_CASE("What was there before Praefect is read, and copied once it is written to") {
  Cluster cluster;
  const auto folder = cluster.node(1).Folder("old.git");
  REQUIRE(
      Git({"init", "--bare", "--quiet", "--initial-branch=main", folder.string()}).exit_status ==
      0);
  const WorkingCopy copy = cluster.NewWorkingCopy("old.git");
  copy.Commit("README", "first\n");
  copy.Push({"main"});
  CHECK(Eventually([&] { return IsEverywhere(cluster, "old.git", 1); }));
}

}  // namespace
}  // namespace praefect::test
