#pragma once

// What Prometheus learns about nodes. Labels are upstream's, and virtual_storage everywhere: two
// virtual storages may have a storage of the same name.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <vector>

#include "nodes/probe_result.h"
#include "nodes/snapshot.h"

namespace prometheus {
class Registry;
}

namespace praefect::nodes {

class NodeMetrics {
 public:
  // `latency_buckets` in seconds; empty: the defaults. `registry` must outlive this.
  NodeMetrics(prometheus::Registry& registry, const Snapshot& snapshot,
              std::vector<double> latency_buckets);

  // One probe of the node with this id has ended.
  void Observe(uint32_t node_id, const ProbeResult& result);

 private:
  struct OfNode {
    prometheus::Gauge* up;
    prometheus::Histogram* latency;
    prometheus::Counter* token_refused;
  };
  std::vector<OfNode> nodes_;  // by id
};

}  // namespace praefect::nodes
