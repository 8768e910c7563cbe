#include "nodes/node_metrics.h"

#include <prometheus/registry.h>

#include <array>
#include <string>
#include <utility>

namespace praefect::nodes {
namespace {

// Of Go's client library.
const std::vector<double>& DefaultBuckets() {
  static const std::vector<double> buckets{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
  return buckets;
}

prometheus::Family<prometheus::Gauge>& Gauges(prometheus::Registry& registry, const char* name,
                                              const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Counter>& Counters(prometheus::Registry& registry, const char* name,
                                                  const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Labels With(prometheus::Labels labels, const char* name, std::string_view value) {
  labels[name] = std::string(value);
  return labels;
}

constexpr std::array<std::pair<DiskDoubt, std::string_view>, 3> kDoubts{{
    {DiskDoubt::kStorageMissing, "storage_missing"},
    {DiskDoubt::kFilesystemChanged, "filesystem_changed"},
    {DiskDoubt::kFilesystemShared, "filesystem_shared"},
}};

void RaiseTo(prometheus::Counter& counter, uint64_t total) {
  counter.Increment(static_cast<double>(total) - counter.Value());
}

}  // namespace

NodeMetrics::NodeMetrics(prometheus::Registry& registry, std::vector<double> latency_buckets)
    : latency_buckets_(latency_buckets.empty() ? DefaultBuckets() : std::move(latency_buckets)),
      up_(Gauges(registry, "gitaly_praefect_node_last_healthcheck_up",
                 "Whether the last probe of the node succeeded (1) or failed (0).")),
      primaries_(Gauges(registry, "gitaly_praefect_primaries",
                        "1 for the primary of a virtual storage, 0 for its other nodes.")),
      latency_(prometheus::BuildHistogram()
                   .Name("gitaly_praefect_node_latency")
                   .Help("Seconds from a probe of the node to its end.")
                   .Register(registry)),
      token_refused_(Counters(registry, "gitaly_praefect_node_token_refused_total",
                              "Calls and probes that the node answered by refusing Praefect's "
                              "token, with the configuration key to correct.")),
      connections_made_(Counters(registry, "gitaly_praefect_node_connects_total",
                                 "Connections made to nodes for calls of clients.")),
      tls_failures_(Counters(registry, "gitaly_praefect_node_tls_failures_total",
                             "Probes that failed by the node's TLS, for instance by its "
                             "certificate; the log says why.")),
      connections_lost_(
          Counters(registry, "gitaly_praefect_node_connections_lost_total",
                   "Connections to nodes that could not be made, that broke, or that were "
                   "given up because the node left a PING unanswered.")),
      calls_backed_off_(Counters(registry, "gitaly_praefect_node_calls_backed_off_total",
                                 "Calls that failed at once because the node could not be "
                                 "connected to a moment before.")),
      failed_calls_(Counters(registry, "gitaly_praefect_node_failed_calls_total",
                             "Calls that failed because of the node: UNAVAILABLE or INTERNAL from "
                             "it, its connection lost, or none to be had.")),
      degraded_(Gauges(registry, "gitaly_praefect_node_degraded",
                       "1 while a node answers probes and fails more calls than "
                       "failover.*_error_threshold_count allow.")),
      suspect_(Gauges(registry, "gitaly_praefect_node_suspect",
                      "1 while a storage seems to be on another disk than before, or on the same "
                      "as another one: no mutator is sent there.")),
      reads_(Counters(registry, "gitaly_praefect_read_distribution",
                      "Calls of accessors, by the storage that they were sent to.")),
      connections_(Gauges(registry, "gitaly_praefect_node_connections",
                          "Connections to nodes: being made, taking calls, or ending the calls "
                          "that they have.")) {}

void NodeMetrics::Follow(const Snapshot& snapshot) {
  // First those that go: a storage at another address is another node with the same labels.
  std::erase_if(nodes_, [&](auto& entry) {
    if (snapshot.FindNode(entry.first) != nullptr) return false;
    Remove(entry.second);
    return true;
  });
  for (const VirtualStorage& storage : snapshot.virtual_storages) {
    for (const Node& node : storage.nodes) {
      const auto [entry, added] = nodes_.try_emplace(node.id);
      if (added) entry->second = Add(node);
      entry->second.primary->Set(node.primary ? 1 : 0);
    }
  }
}

NodeMetrics::OfNode NodeMetrics::Add(const Node& node) {
  const prometheus::Labels labels{{"virtual_storage", node.virtual_storage},
                                  {"gitaly_storage", node.storage}};
  OfNode metrics;
  metrics.up = &up_.Add(labels);
  metrics.primary = &primaries_.Add(labels);
  metrics.latency = &latency_.Add(labels, latency_buckets_);
  metrics.token_refused = &token_refused_.Add(With(labels, "key", kTokenKey));
  metrics.connections_made = &connections_made_.Add(labels);
  if (node.address.kind == config::Address::Kind::kTls) {
    metrics.tls_failures = &tls_failures_.Add(labels);
  }
  metrics.connect_failures = &connections_lost_.Add(With(labels, "while", "connecting"));
  metrics.connections_lost = &connections_lost_.Add(With(labels, "while", "connected"));
  metrics.connections_frozen = &connections_lost_.Add(With(labels, "while", "frozen"));
  metrics.reads =
      &reads_.Add({{"virtual_storage", node.virtual_storage}, {"storage", node.storage}});
  metrics.connecting = &connections_.Add(With(labels, "state", "connecting"));
  metrics.connected = &connections_.Add(With(labels, "state", "connected"));
  metrics.draining = &connections_.Add(With(labels, "state", "draining"));
  metrics.failed_reads = &failed_calls_.Add(With(labels, "method_type", "accessor"));
  metrics.failed_writes = &failed_calls_.Add(With(labels, "method_type", "mutator"));
  metrics.degraded = &degraded_.Add(labels);
  for (const auto& [doubt, name] : kDoubts) {
    metrics.suspect[doubt] = &suspect_.Add(With(labels, "reason", name));
  }
  metrics.calls_backed_off = &calls_backed_off_.Add(labels);
  return metrics;
}

void NodeMetrics::Remove(const OfNode& node) {
  up_.Remove(node.up);
  primaries_.Remove(node.primary);
  latency_.Remove(node.latency);
  token_refused_.Remove(node.token_refused);
  if (node.tls_failures != nullptr) tls_failures_.Remove(node.tls_failures);
  connections_lost_.Remove(node.connect_failures);
  connections_lost_.Remove(node.connections_lost);
  connections_lost_.Remove(node.connections_frozen);
  reads_.Remove(node.reads);
  for (auto* gauge : {node.connecting, node.connected, node.draining}) connections_.Remove(gauge);
  connections_made_.Remove(node.connections_made);
  failed_calls_.Remove(node.failed_reads);
  failed_calls_.Remove(node.failed_writes);
  degraded_.Remove(node.degraded);
  for (const auto& [doubt, gauge] : node.suspect) suspect_.Remove(gauge);
  calls_backed_off_.Remove(node.calls_backed_off);
}

void NodeMetrics::Observe(const Node& node, const ProbeResult& result) {
  const OfNode& metrics = nodes_.at(node.id);
  metrics.up->Set(result.good() ? 1 : 0);
  metrics.latency->Observe(std::chrono::duration<double>(result.latency).count());
  if (result.cause == ProbeResult::Cause::kTokenRefused) node.traffic->token_refused++;
  if (result.cause == ProbeResult::Cause::kTls) metrics.tls_failures->Increment();
}

void NodeMetrics::Collect(const Snapshot& snapshot) {
  for (const VirtualStorage& storage : snapshot.virtual_storages) {
    for (const Node& node : storage.nodes) {
      const OfNode& metrics = nodes_.at(node.id);
      RaiseTo(*metrics.token_refused, node.traffic->token_refused);
      RaiseTo(*metrics.connect_failures, node.traffic->connect_failures);
      RaiseTo(*metrics.connections_lost, node.traffic->connections_lost);
      RaiseTo(*metrics.connections_frozen, node.traffic->connections_frozen);
      RaiseTo(*metrics.reads, node.traffic->reads);
      metrics.connecting->Set(static_cast<double>(node.traffic->connecting));
      metrics.connected->Set(static_cast<double>(node.traffic->connected));
      metrics.draining->Set(static_cast<double>(node.traffic->draining));
      RaiseTo(*metrics.connections_made, node.traffic->connections_made);
      RaiseTo(*metrics.failed_reads, node.traffic->failed_reads);
      RaiseTo(*metrics.failed_writes, node.traffic->failed_writes);
      metrics.degraded->Set(node.degraded.empty() ? 0 : 1);
      for (const auto& [doubt, gauge] : metrics.suspect) {
        gauge->Set(node.disk.suspect && node.disk.doubt == doubt ? 1 : 0);
      }
      RaiseTo(*metrics.calls_backed_off, node.traffic->calls_backed_off);
    }
  }
}

}  // namespace praefect::nodes
