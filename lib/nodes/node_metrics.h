#pragma once

// What Prometheus learns about nodes. Labels are upstream's, and virtual_storage everywhere: two
// virtual storages may have a storage of the same name.

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <map>
#include <vector>

#include "nodes/probe_result.h"
#include "nodes/snapshot.h"

namespace prometheus {
class Registry;
}

namespace praefect::nodes {

// For one thread: nobody else may hold on to metrics that go when their node goes. What workers
// count reaches Prometheus by way of Traffic.
class NodeMetrics {
 public:
  // `latency_buckets` in seconds; empty: the defaults. `registry` must outlive this.
  NodeMetrics(prometheus::Registry& registry, std::vector<double> latency_buckets);

  // From now on there are metrics of exactly these nodes.
  void Follow(const Snapshot& snapshot);
  // One probe of a node that is followed has ended.
  void Observe(const Node& node, const ProbeResult& result);
  // Takes over what workers have counted, and what is known of each node. `snapshot` is the one
  // that is followed.
  void Collect(const Snapshot& snapshot);

 private:
  struct OfNode {
    prometheus::Gauge* up;
    prometheus::Gauge* primary;
    prometheus::Histogram* latency;
    prometheus::Counter* token_refused;
    prometheus::Counter* connections_made;
    prometheus::Counter* tls_failures = nullptr;  // of nodes with TLS
    prometheus::Counter* connect_failures;
    prometheus::Counter* connections_lost;
    prometheus::Counter* connections_frozen;
    prometheus::Counter* failed_reads;
    prometheus::Counter* failed_writes;
    prometheus::Gauge* degraded;
    std::map<DiskDoubt, prometheus::Gauge*> suspect;
    prometheus::Counter* reads;
    prometheus::Gauge* connecting;
    prometheus::Gauge* connected;
    prometheus::Gauge* draining;
    prometheus::Counter* calls_backed_off;
  };
  OfNode Add(const Node& node);
  void Remove(const OfNode& node);

  const std::vector<double> latency_buckets_;
  prometheus::Family<prometheus::Gauge>& up_;
  prometheus::Family<prometheus::Gauge>& primaries_;
  prometheus::Family<prometheus::Histogram>& latency_;
  prometheus::Family<prometheus::Counter>& token_refused_;
  prometheus::Family<prometheus::Counter>& connections_made_;
  prometheus::Family<prometheus::Counter>& tls_failures_;
  prometheus::Family<prometheus::Counter>& connections_lost_;
  prometheus::Family<prometheus::Counter>& calls_backed_off_;
  prometheus::Family<prometheus::Counter>& failed_calls_;
  prometheus::Family<prometheus::Gauge>& degraded_;
  prometheus::Family<prometheus::Gauge>& suspect_;
  prometheus::Family<prometheus::Counter>& reads_;
  prometheus::Family<prometheus::Gauge>& connections_;
  std::map<uint32_t, OfNode> nodes_;  // by id
};

}  // namespace praefect::nodes
