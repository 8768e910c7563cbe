#include "observe/log_metrics.h"

namespace praefect::observe {
namespace {

prometheus::MetricFamily Counter(const char* name, const char* help, uint64_t value) {
  prometheus::ClientMetric metric;
  metric.counter.value = static_cast<double>(value);
  return {name, help, prometheus::MetricType::Counter, {metric}};
}

}  // namespace

std::vector<prometheus::MetricFamily> LogMetrics::Collect() const {
  const LogLosses losses = logger_.losses();
  return {
      Counter("gitaly_praefect_log_lines_lost_total",
              "Log lines dropped because nobody read them, or writing failed", losses.lost_lines),
      Counter("gitaly_praefect_log_write_errors_total", "Writes of the log that failed",
              losses.write_errors)};
}

}  // namespace praefect::observe
