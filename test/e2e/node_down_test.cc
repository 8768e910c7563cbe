// Nodes that die, are not there yet, and come back, while Praefect goes on.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "e2e/cluster.h"
#include "e2e/held_clone.h"
#include "e2e/large_repository.h"

namespace praefect::test {
namespace {

constexpr size_t kMebibytes = 10;  // more than Praefect and the sockets hold

bool CanClone(Cluster& cluster, const std::string& relative_path) {
  return cluster.TryClone(relative_path).exit_status == 0;
}

TEST_CASE(
    "A node that is killed during a clone is named; it comes back without a restart of Praefect") {
  const auto transport = GENERATE(Transport::kTcp, Transport::kUnix);
  Cluster cluster(OneNode({transport}));
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  CommitRandomFiles(copy, kMebibytes);
  copy.Push({"main"});
  HeldClone held(cluster, "a.git");
  cluster.primary().Crash();
  const Outcome clone = held.LetGoAndWait();
  CHECK(clone.exit_status == 128);
  CHECK_THAT(clone.error,
             Catch::Contains("UNAVAILABLE (14): node \"gitaly-1\" (" + cluster.primary().address() +
                             ") was lost during the call"));
  CHECK(!CanClone(cluster, "a.git"));
  cluster.primary().Start();
  CHECK(Eventually([&] { return CanClone(cluster, "a.git"); }));
}

TEST_CASE("The start waits for the first writes to be possible, but not for long") {
  ClusterSetup setup;
  setup.nodes_up = false;
  Cluster cluster(setup);  // returns once Praefect listens, while no disk is known yet
  const Outcome refused = cluster.Call("RepositoryService/CreateRepository",
                                       {{{"repository", cluster.Repository("a.git")}}});
  CHECK_THAT(refused.error, Catch::Contains("(14)"));
  for (size_t i = 0; i < 3; ++i) cluster.node(i).Start();
  CHECK(Eventually([&] {
    return cluster
               .Call("RepositoryService/CreateRepository",
                     {{{"repository", cluster.Repository("a.git")}}})
               .exit_status == 0;
  }));
}

TEST_CASE("Praefect starts while its primary is down, refuses, and serves when it comes") {
  ClusterSetup setup = OneNode();
  setup.nodes_up = false;
  Cluster cluster(setup);
  const WorkingCopy copy = cluster.NewWorkingCopy("a.git");
  const std::string id = copy.Commit("README", "first\n");
  const Outcome push = copy.Try({"push", "origin", "main"});
  CHECK(push.exit_status == 128);
  CHECK_THAT(push.error, Catch::Contains("UNAVAILABLE (14): all SubCons are in TransientFailure"));
  CHECK_THAT(push.error,
             Catch::Contains("gitaly-1") && Catch::Contains(cluster.primary().address()));
  const auto pushing_says = [&](const char* text) {
    return copy.Try({"push", "origin", "main"}).error.find(text) != std::string::npos;
  };
  // Known to be down, so that it is known to be up, too, when a push reaches it.
  REQUIRE(Eventually([&] { return pushing_says("asked of every node: node \"gitaly-1\" at "); }));
  cluster.primary().Start();
  CHECK(Eventually([&] { return pushing_says("NOT_FOUND"); }));
  cluster.Create("a.git");
  copy.Push({"main"});
  CHECK(cluster.primary().Refs("a.git").at("refs/heads/main") == id);
}

TEST_CASE("A primary that is known to be down is refused with the key to check in the log") {
  Cluster cluster(OneNode());
  cluster.CreateWithCommit("a.git");
  cluster.primary().Crash();
  const auto line = cluster.praefect().WaitLog("error when pinging healthcheck");
  CHECK(line.value("storage", "") == "gitaly-1");
  CHECK(line.value("key", "") == "virtual_storage.node.address");
  const Outcome clone = cluster.TryClone("a.git");
  CHECK_THAT(clone.error, Catch::Contains("all SubCons are in TransientFailure: primary is not "
                                          "healthy: node \"gitaly-1\" at " +
                                          cluster.primary().address()));
  const auto access = cluster.praefect().WaitLog([](const nlohmann::json& logged) {
    return logged.value("praefect.refusal", "") == "primary_not_healthy";
  });
  CHECK_THAT(access.value("praefect.hint", ""), Catch::Contains("virtual_storage.node.address"));
  CHECK(cluster.praefect().Metric("gitaly_praefect_node_last_healthcheck_up",
                                  {"gitaly_storage=\"gitaly-1\""}) == 0);
}

TEST_CASE("Namespaces go to the nodes that are healthy") {
  Cluster cluster;
  cluster.node(2).Crash();
  cluster.praefect().WaitLog("error when pinging healthcheck");
  const Outcome call = cluster.Call("NamespaceService/AddNamespace",
                                    {{{"storageName", "default"}, {"name", "group"}}});
  CHECK(call.exit_status == 0);
  CHECK((cluster.node(0).Has("group") && cluster.node(1).Has("group")));
  CHECK(!cluster.node(2).Has("group"));
  cluster.praefect().WaitLog("a node misses this call");
}

// Each node's refusal is an answer without headers before it: none of them may be waited for.
TEST_CASE("A namespace that every node refuses is refused, whoever is the last to answer") {
  const size_t last = GENERATE(size_t{0}, size_t{2});
  Cluster cluster;
  for (size_t i = 0; i < 3; ++i) {
    const std::string late = i == last ? "delay=300@AddNamespace\n" : "";
    cluster.node(i).SetFaults(late + "error=FAILED_PRECONDITION@AddNamespace");
  }
  const Outcome call = cluster.Call("NamespaceService/AddNamespace",
                                    {{{"storageName", "default"}, {"name", "group"}}});
  CHECK(call.exit_status == 64 + 9);  // gitaly-call's offset and FAILED_PRECONDITION
  CHECK(!cluster.node(0).Has("group"));
}

TEST_CASE("A node that is restarted in an orderly way is found again") {
  const auto transport = GENERATE(Transport::kTcp, Transport::kUnix);
  Cluster cluster({transport});
  cluster.CreateWithCommit("a.git");
  REQUIRE(cluster.primary().Stop() == 0);
  cluster.primary().Start();
  CHECK(Eventually([&] { return CanClone(cluster, "a.git"); }));
}

TEST_CASE("A secondary that dies disturbs nobody") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  cluster.node(1).Crash();
  cluster.praefect().WaitLog("error when pinging healthcheck");
  copy.Commit("README", "second\n");
  copy.Push({"main"});
  CHECK(cluster.Clone("a.git").Objects() == copy.Objects());
}

}  // namespace
}  // namespace praefect::test
