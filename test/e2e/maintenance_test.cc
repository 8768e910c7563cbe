// Maintenance comes to the replicas that the client's call does not reach.

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "e2e/cluster.h"
#include "e2e/replicas.h"

namespace praefect::test {
namespace {

constexpr char kCalls[] = "gitaly_praefect_maintenance_calls_total";
constexpr char kUnderWay[] = "gitaly_praefect_maintenance_under_way";

// Every replica is current and proven, so that no copy is due.
bool IsProven(const Cluster& cluster, const std::string& path) {
  const Outcome asked =
      cluster.Call("PraefectInfoService/GetRepositoryMetadata",
                   {{{"path", {{"virtualStorage", "default"}, {"relativePath", path}}}}});
  REQUIRE(asked.exit_status == 0);
  const auto told = nlohmann::json::parse(asked.output);
  const auto& replicas = told.at("replicas");
  return replicas.size() == 3 &&
         std::all_of(replicas.begin(), replicas.end(), [&](const auto& each) {
           return each.at("generation") == told.at("generation") && each.contains("verifiedAt");
         });
}

TEST_CASE("What a client has tidied on the primary is tidied on the other nodes") {
  Cluster cluster;
  cluster.CreateWithCommit("a.git");
  REQUIRE(Eventually([&] { return IsProven(cluster, "a.git"); }));
  const Outcome tidied = cluster.Call("RepositoryService/OptimizeRepository",
                                      {{{"repository", cluster.Repository("a.git")}}});
  CHECK(tidied.exit_status == 0);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(Eventually([&] { return cluster.node(i).CallsOf("OptimizeRepository") == 1; }));
  }
}

TEST_CASE("Nodes that are down, and replicas that are being copied, are left alone") {
  Replicas replicas;
  const int64_t id = replicas.Make("a.git");
  replicas.Write(id, "main");
  REQUIRE(replicas.WaitUntilWhole(id));
  replicas.SetHealth(2, nodes::Health::kDown);
  replicas.TidyOthers(id);
  CHECK(Eventually([&] { return replicas.Metric(kUnderWay) == 0; }));
  CHECK(replicas.node(1).CallsOf("OptimizeRepository") == 1);

  replicas.SetHealth(2, nodes::Health::kUp);
  replicas.node(2).SetFaults("hang@ReplicateRepository\n");
  replicas.Write(id, "other");
  REQUIRE(Eventually([&] {
    return replicas.JobOn(id, 2).state == datastore::JobState::kRunning &&
           replicas.JobOn(id, 1).state == datastore::JobState::kNone;
  }));
  replicas.TidyOthers(id);
  CHECK(Eventually([&] { return replicas.Metric(kUnderWay) == 0; }));
  CHECK(replicas.node(1).CallsOf("OptimizeRepository") == 2);
  CHECK(replicas.node(0).CallsOf("OptimizeRepository") == 0);
  CHECK(replicas.node(2).CallsOf("OptimizeRepository") == 0);
  CHECK(replicas.Metric(kCalls, "ok") == 2);
}

TEST_CASE("So many repositories are tidied at a time; a node that fails is passed over") {
  Replicas replicas;
  const int64_t id = replicas.Make("a.git");
  replicas.Write(id, "main");
  REQUIRE(replicas.WaitUntilWhole(id));
  replicas.node(1).SetFaults("error=INTERNAL@OptimizeRepository\n");
  replicas.TidyOthers(id);
  CHECK(Eventually([&] { return replicas.Metric(kCalls, "ok") == 1; }));
  CHECK(replicas.Metric(kCalls, "failed") == 1);
  REQUIRE(Eventually([&] { return replicas.Metric(kUnderWay) == 0; }));

  replicas.node(1).SetFaults("hang@OptimizeRepository\n");
  for (int i = 0; i < 3; ++i) replicas.TidyOthers(id);
  CHECK(replicas.Metric(kCalls, "too_many") == 1);
  CHECK(Eventually([&] { return replicas.node(1).CallsOf("OptimizeRepository") == 3; }));
}

}  // namespace
}  // namespace praefect::test
