#include "nodes/node_metrics.h"

#include <prometheus/registry.h>

#include <string>

namespace praefect::nodes {
namespace {

// Of Go's client library.
const std::vector<double>& DefaultBuckets() {
  static const std::vector<double> buckets{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
  return buckets;
}

prometheus::Family<prometheus::Gauge>& GaugeFamily(prometheus::Registry& registry, const char* name,
                                                   const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

NodeMetrics::NodeMetrics(prometheus::Registry& registry, const Snapshot& snapshot,
                         std::vector<double> latency_buckets) {
  auto& up = GaugeFamily(registry, "gitaly_praefect_node_last_healthcheck_up",
                         "Whether the last probe of the node succeeded (1) or failed (0)");
  auto& primaries = GaugeFamily(registry, "gitaly_praefect_primaries",
                                "1 for the primary of a virtual storage, 0 for its other nodes");
  auto& latency = prometheus::BuildHistogram()
                      .Name("gitaly_praefect_node_latency")
                      .Help("Seconds from a probe of the node to its end")
                      .Register(registry);
  auto& refused = prometheus::BuildCounter()
                      .Name("gitaly_praefect_node_token_refused_total")
                      .Help(
                          "Calls that the node answered by refusing Praefect's token, with the "
                          "configuration key to correct")
                      .Register(registry);
  if (latency_buckets.empty()) latency_buckets = DefaultBuckets();
  for (const VirtualStorage& storage : snapshot.virtual_storages) {
    for (const Node& node : storage.nodes) {
      const prometheus::Labels labels{{"virtual_storage", node.virtual_storage},
                                      {"gitaly_storage", node.storage}};
      primaries.Add(labels).Set(node.primary ? 1 : 0);
      prometheus::Labels with_key = labels;
      with_key["key"] = std::string(kTokenKey);
      nodes_.push_back(
          {&up.Add(labels), &latency.Add(labels, latency_buckets), &refused.Add(with_key)});
    }
  }
}

void NodeMetrics::Observe(uint32_t node_id, const ProbeResult& result) {
  const OfNode& node = nodes_[node_id];
  node.up->Set(result.good() ? 1 : 0);
  node.latency->Observe(std::chrono::duration<double>(result.latency).count());
  if (result.cause == ProbeResult::Cause::kTokenRefused) node.token_refused->Increment();
}

}  // namespace praefect::nodes
