#include "nodes/node_metrics.h"

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <catch2/catch.hpp>

namespace praefect::nodes {
namespace {

using Catch::Matchers::Contains;

constexpr char kLabels[] = "gitaly_storage=\"gitaly-1\",virtual_storage=\"default\"";

// The metrics of one node, the primary of "default".
struct Metered {
  explicit Metered(std::vector<double> buckets = {}) : metrics(registry, std::move(buckets)) {
    Node node;
    node.id = 7;
    node.virtual_storage = "default";
    node.storage = "gitaly-1";
    node.primary = true;
    snapshot.virtual_storages = {{"default", {node}}};
    metrics.Follow(snapshot);
  }
  const Node& node() const { return snapshot.virtual_storages[0].nodes[0]; }
  Traffic& traffic() { return *node().traffic; }
  std::string Page() {
    metrics.Collect(snapshot);
    return prometheus::TextSerializer().Serialize(registry.Collect());
  }

  prometheus::Registry registry;
  NodeMetrics metrics;
  Snapshot snapshot;
};

std::string Line(const std::string& name, const std::string& labels, const std::string& value) {
  return "gitaly_praefect_" + name + "{" + labels + "} " + value + "\n";
}

TEST_CASE("a probe's latency is counted in the buckets of the configuration") {
  Metered metered({.25, 2});
  ProbeResult result;
  result.latency = std::chrono::seconds(1);
  metered.metrics.Observe(metered.node(), result);
  const std::string page = metered.Page();
  CHECK_THAT(page,
             Contains(Line("node_latency_bucket", kLabels + std::string(",le=\"0.25\""), "0")));
  CHECK_THAT(page, Contains(Line("node_latency_bucket", kLabels + std::string(",le=\"2\""), "1")));
  CHECK_THAT(page, Contains(Line("node_last_healthcheck_up", kLabels, "1")));
  CHECK_THAT(page, Contains(Line("primaries", kLabels, "1")));
}

TEST_CASE("what workers count is taken over as it is, however often") {
  Metered metered;
  metered.traffic().reads = 3;
  metered.traffic().connected = 2;
  metered.Page();
  metered.traffic().reads = 5;
  metered.traffic().connected = 1;
  const std::string page = metered.Page();
  CHECK_THAT(page, Contains(Line("read_distribution",
                                 "storage=\"gitaly-1\",virtual_storage=\"default\"", "5")));
  CHECK_THAT(page, Contains(Line("node_connections",
                                 "gitaly_storage=\"gitaly-1\",state=\"connected\",virtual_storage="
                                 "\"default\"",
                                 "1")));
}

TEST_CASE("a node that left has no metrics any more") {
  Metered metered;
  metered.snapshot.virtual_storages[0].nodes.clear();
  metered.metrics.Follow(metered.snapshot);
  CHECK(metered.Page().empty());
}

}  // namespace
}  // namespace praefect::nodes
