// What an operator changes while Praefect runs.

#include <signal.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "e2e/cluster.h"
#include "e2e/held_clone.h"
#include "e2e/large_repository.h"

namespace praefect::test {
namespace {

bool LogsKey(const nlohmann::json& line, const std::string& message, const std::string& key) {
  return line.value("msg", "") == message && line.value("key", "") == key;
}

TEST_CASE("A client token is rotated while a clone is under way") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("large.git");
  CommitRandomFiles(copy, 10);
  copy.Push({"main"});
  HeldClone clone(cluster, "large.git");
  cluster.Reload(cluster.client_token(), "rotated-client");
  const auto denied = [&] { return cluster.TryClone("large.git").exit_status == 128; };
  CHECK(Eventually(denied));
  CHECK(cluster.TryClone("large.git", {{"PRAEFECT_TOKEN", "rotated-client"}}).exit_status == 0);
  CHECK(clone.LetGoAndWait().exit_status == 0);
  CHECK_THAT(cluster.praefect().output(), !Catch::Contains("rotated-client"));
}

TEST_CASE("A node's token is rotated without a restart of Praefect") {
  Cluster cluster(OneNode());
  cluster.CreateWithCommit("a.git");
  cluster.primary().Crash();
  cluster.primary().ChangeToken("rotated-node");
  cluster.primary().Start();
  CHECK(cluster.TryClone("a.git").exit_status == 128);
  cluster.Reload(cluster.node_token(), "rotated-node");
  CHECK(Eventually([&] { return cluster.TryClone("a.git").exit_status == 0; }));
  CHECK_THAT(cluster.praefect().output(), !Catch::Contains("rotated-node"));
}

TEST_CASE("A changed listen address is named, and clients come where they did before") {
  Cluster cluster;
  cluster.CreateWithCommit("a.git");
  const std::string admin = "\nprometheus_listen_addr = '127.0.0.1:0'";
  cluster.Reload("listen_addr = '127.0.0.1:0'" + admin, "listen_addr = '127.0.0.1:1'" + admin);
  cluster.praefect().WaitLog([](const nlohmann::json& line) {
    return LogsKey(line, "a changed key needs a restart: its old value stays in use",
                   "listen_addr");
  });
  CHECK(cluster.TryClone("a.git").exit_status == 0);
}

TEST_CASE("A broken file is refused with every problem, and Praefect goes on") {
  Cluster cluster;
  cluster.CreateWithCommit("a.git");
  cluster.praefect().Configure("listen_addr = 7\nworkers = 'many'\n");
  cluster.praefect().Signal(SIGHUP);
  cluster.praefect().WaitLog(
      "the configuration file is broken: the old configuration stays in use");
  for (const char* key : {"listen_addr", "workers"}) {
    cluster.praefect().WaitLog(
        [&](const nlohmann::json& line) { return line.value("key", "") == key; });
  }
  CHECK(cluster.TryClone("a.git").exit_status == 0);
  CHECK(cluster.praefect().Metric("gitaly_praefect_config_last_reload_success") == 0);
}

}  // namespace
}  // namespace praefect::test
