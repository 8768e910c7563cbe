// Nodes that come and go in the configuration of a running Praefect.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "e2e/cluster.h"
#include "e2e/held_clone.h"
#include "e2e/large_repository.h"

namespace praefect::test {
namespace {

TEST_CASE("A clone goes on when its node leaves the configuration, the next call goes elsewhere") {
  ClusterSetup setup;
  setup.virtual_storages = {{"default", {"gitaly-1"}}, {"other", {"gitaly-2"}}};
  Cluster cluster(setup);
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  CommitRandomFiles(copy, 10);
  copy.Push({"main"});
  HeldClone held(cluster, "a.git");
  cluster.Reload(cluster.node(0).address(), cluster.node(1).address());
  cluster.praefect().WaitLog("node removed");
  cluster.Call("RepositoryService/RepositorySize", {{{"repository", cluster.Repository("a.git")}}});
  CHECK(cluster.node(1).CallsOf("RepositorySize") == 1);
  CHECK(held.LetGoAndWait().exit_status == 0);
}

}  // namespace
}  // namespace praefect::test
