// What Prometheus and load balancers read of a Praefect that has served calls.

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

using Catch::Matchers::Contains;

// promtool's complaints about upstream's own names, which stay as they are.
const std::vector<std::string> kUpstreams = {
    "gitaly_praefect_method_types counter metrics should have \"_total\" suffix",
    "gitaly_praefect_read_distribution counter metrics should have \"_total\" suffix",
};

// What `promtool check metrics` says of a page, a line each.
std::vector<std::string> Complaints(const Cluster& cluster, const std::string& page) {
  WriteFile(cluster.Scratch("page"), page);
  const Outcome outcome =
      Run({{"/bin/sh", "-c", "promtool check metrics <\"$0\" 2>&1", cluster.Scratch("page")}});
  std::vector<std::string> lines;
  std::istringstream text(outcome.output);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  CHECK((outcome.exit_status == 0) == lines.empty());
  return lines;
}

TEST_CASE("promtool accepts the pages of a Praefect that served calls, but for upstream's names") {
  Cluster cluster;
  cluster.CreateWithCommit("group/project.git");
  cluster.Clone("group/project.git");
  cluster.TryClone("no/such.git");
  std::vector<std::string> complaints = Complaints(cluster, cluster.praefect().Page("/metrics"));
  std::sort(complaints.begin(), complaints.end());
  CHECK(complaints == kUpstreams);
  CHECK(Complaints(cluster, cluster.praefect().Page("/db_metrics")).empty());
}

TEST_CASE("a clone and a push are counted under the names that dashboards of upstream read") {
  Cluster cluster;
  cluster.CreateWithCommit("group/project.git");
  cluster.Clone("group/project.git");
  cluster.praefect().WaitAccess("SSHUploadPack");
  const auto metric = [&](const char* name, const std::vector<std::string>& labels) {
    return cluster.praefect().Metric(name, labels);
  };
  const std::vector<std::string> clone{"grpc_method=\"SSHUploadPack\""};
  CHECK(metric("grpc_server_started_total", clone) == 1);
  CHECK(metric("grpc_server_handled_total", clone) == 1);
  CHECK(metric("grpc_server_handling_seconds_count", clone) == 1);
  CHECK(metric("grpc_server_msg_received_total", clone) >= 2);
  CHECK(metric("grpc_server_msg_sent_total", clone) >= 2);
  CHECK(metric("gitaly_service_client_requests_total", clone) == 1);
  CHECK(metric("gitaly_praefect_connections_total", {"type=\"tcp\""}) >= 3);
  CHECK(metric("gitaly_praefect_method_types", {"method_type=\"mutator\""}) >= 2);
}

TEST_CASE("nodes are counted by virtual storage and storage") {
  Cluster cluster;
  cluster.CreateWithCommit("group/project.git");
  cluster.Clone("group/project.git");
  const auto reaches = [&](const char* name, std::vector<std::string> labels, double value) {
    labels.push_back("virtual_storage=\"default\"");
    INFO(name);
    CHECK(Eventually([&] { return cluster.praefect().Metric(name, labels) == value; }));
  };
  reaches("gitaly_praefect_primaries", {"gitaly_storage=\"gitaly-1\""}, 1);
  reaches("gitaly_praefect_primaries", {"gitaly_storage=\"gitaly-2\""}, 0);
  reaches("gitaly_praefect_node_last_healthcheck_up", {"gitaly_storage=\"gitaly-3\""}, 1);
  reaches("gitaly_praefect_read_distribution", {"storage=\"gitaly-1\""}, 1);
  CHECK(cluster.praefect().Metric("gitaly_praefect_node_connections",
                                  {"gitaly_storage=\"gitaly-1\"", "state=\"connected\""}) >= 1);
  CHECK(cluster.praefect().Metric("gitaly_praefect_event_loop_delay_seconds_count") > 0);
}

TEST_CASE("with healthy nodes it is ready, each reason on a line") {
  Cluster cluster;
  const auto page = [&] { return cluster.praefect().Page("/readyz?for=write&verbose"); };
  CHECK(Eventually([&] { return page().substr(0, 6) == "ready\n"; }));
  CHECK(page() ==
        "ready\n[+] stopping\n[+] database\n[+] nodes-probed\n[+] virtual-storage default\n");
}

}  // namespace
}  // namespace praefect::test
