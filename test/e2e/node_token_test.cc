// Tokens: the client's is for Praefect, the node's is for the node, and neither stands in for the
// other.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

ClusterSetup WrongNodeToken(bool health_without_token) {
  ClusterSetup setup = OneNode();
  setup.node_token = "hunter2-not-the-token-of-the-nodes";
  setup.health_without_token = health_without_token;
  return setup;
}

constexpr char kTokenKey[] = "virtual_storage.node.token";
constexpr char kRefusedTotal[] = "gitaly_praefect_node_token_refused_total";

// A node whose token is changed under way: nothing has probed it since.
TEST_CASE("A node that refuses Praefect's token answers the client itself") {
  ClusterSetup setup = OneNode();
  setup.health_without_token = true;
  Cluster cluster(setup);
  cluster.CreateWithCommit("a.git");
  cluster.praefect().WaitLog([](const nlohmann::json& line) {
    return line.value("msg", "") == "node is healthy" && line.value("storage", "") == "gitaly-1";
  });
  cluster.primary().Crash();
  cluster.primary().ChangeToken("hunter2-changed");
  cluster.primary().Start();
  const Outcome clone = cluster.TryClone("a.git");
  CHECK(clone.exit_status == 128);
  CHECK_THAT(clone.error, Catch::Contains("PERMISSION_DENIED (7): permission denied\n"));
  const auto line = cluster.praefect().WaitAccess("SSHUploadPack");
  CHECK_THAT(line.value("praefect.hint", ""),
             Catch::Contains(kTokenKey) && Catch::Contains("gitaly-1"));
  CHECK(Eventually([&] {
    return cluster.praefect().Metric(kRefusedTotal, {"gitaly_storage=\"gitaly-1\""}) >= 1;
  }));
}

TEST_CASE("A node that refuses Praefect's token is down for that reason") {
  Cluster cluster(WrongNodeToken(GENERATE(true, false)));
  const auto line = cluster.praefect().WaitLog("error when pinging healthcheck");
  CHECK(line.value("key", "") == kTokenKey);
  CHECK(Eventually([&] { return cluster.praefect().Metric(kRefusedTotal) >= 1; }));
  const auto refused = [&] {
    const Outcome clone = cluster.TryClone("a.git");
    return clone.error.find(
               "UNAVAILABLE (14): all SubCons are in TransientFailure: whether \"a.git\" is there "
               "has to be asked of every node: node \"gitaly-1\" at ") != std::string::npos &&
           clone.error.find("the node refused Praefect's token") != std::string::npos;
  };
  CHECK(Eventually(refused));
}

TEST_CASE("A client without the right token reaches no node") {
  Cluster cluster(OneNode());  // which nobody copies from
  cluster.CreateWithCommit("a.git");
  const size_t before = cluster.primary().CallsOf("SSHUploadPack");
  const Outcome wrong = cluster.TryClone("a.git", {{"PRAEFECT_TOKEN", "guess"}});
  CHECK_THAT(wrong.error, Catch::Contains("PERMISSION_DENIED (7): permission denied\n"));
  const Outcome missing = cluster.TryClone("a.git", {{"PRAEFECT_TOKEN", ""}});
  CHECK_THAT(missing.error, Catch::Contains("UNAUTHENTICATED (16): authentication required\n"));
  CHECK(cluster.primary().CallsOf("SSHUploadPack") == before);
}

}  // namespace
}  // namespace praefect::test
