#pragma once

// Owns the metrics of one process and renders them for Prometheus.

#include <prometheus/registry.h>

#include <chrono>
#include <string>
#include <string_view>

#include "observe/process_metrics.h"

namespace praefect::observe {

class Metrics {
 public:
  // Both are labels of gitlab_build_info.
  Metrics(std::string_view version, std::string_view built);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Families are added to it by the modules that count; it outlives them.
  prometheus::Registry& registry() { return registry_; }
  // Prometheus' text format, version 0.0.4. Any thread.
  std::string Render() const;

 private:
  prometheus::Registry registry_;
  ProcessMetrics process_;
};

}  // namespace praefect::observe
