#pragma once

// Owns the metrics of one process and renders them for Prometheus.

#include <string>
#include <string_view>

#include "observe/log.h"
#include "observe/log_metrics.h"
#include "observe/process_metrics.h"
#include "observe/registry.h"

namespace praefect::observe {

class Metrics {
 public:
  // The first two are labels of gitlab_build_info.
  // `logger` must outlive this.
  Metrics(std::string_view version, std::string_view built, const Logger& logger);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Families are added to them by the modules that count, which they outlive. The second one is for
  // what upstream asks its database about: /db_metrics has it alone, /metrics has both.
  Registry& registry() { return registry_; }
  Registry& database_registry() { return database_registry_; }
  // Prometheus' text format, version 0.0.4. Any thread.
  std::string Render() const;
  std::string RenderDatabase() const;

 private:
  Registry registry_, database_registry_;
  ProcessMetrics process_;
  LogMetrics log_;
};

}  // namespace praefect::observe
