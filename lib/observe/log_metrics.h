#pragma once

// What the log lost, as metrics: the log itself is the wrong place to look for it.

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

#include "observe/log.h"

namespace praefect::observe {

class LogMetrics final : public prometheus::Collectable {
 public:
  explicit LogMetrics(const Logger& logger) : logger_(logger) {}  // borrowed
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Logger& logger_;
};

}  // namespace praefect::observe
