#pragma once

// The process_* metrics that every Prometheus client library has, read from /proc when asked for.

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

namespace praefect::observe {

class ProcessMetrics final : public prometheus::Collectable {
 public:
  // What /proc does not tell is left out. Any thread.
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace praefect::observe
