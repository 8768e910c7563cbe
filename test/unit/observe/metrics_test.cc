#include "observe/metrics.h"

#include <prometheus/counter.h>
#include <catch2/catch.hpp>

namespace praefect::observe {
namespace {

using Catch::Matchers::Contains;

// A log that has lost something.
class LeakyLog final : public Logger {
 public:
  LogLosses losses() const override { return {.lost_lines = 7, .write_errors = 2}; }
  bool Enabled(Level) const override { return false; }
  void Write(Level, std::string_view, std::span<const Field>) override {}
};

TEST_CASE("build information is a metric") {
  const LeakyLog log;
  const Metrics metrics("1.2.3", "20261122", log);
  const std::string text = metrics.Render();
  CHECK_THAT(text, Contains("gitlab_build_info{built=\"20261122\",version=\"1.2.3\"} 1\n") ||
                       Contains("gitlab_build_info{version=\"1.2.3\",built=\"20261122\"} 1\n"));
}

TEST_CASE("the process shows what it uses") {
  const LeakyLog log;
  const std::string text = Metrics("", "", log).Render();
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_virtual_memory_bytes", "process_open_fds", "process_max_fds",
                           "process_start_time_seconds"}) {
    CHECK_THAT(text, Contains(std::string("\n") + name + " "));
  }
  CHECK_THAT(text, !Contains("process_resident_memory_bytes 0\n"));
}

TEST_CASE("what the log lost is a metric") {
  const LeakyLog log;
  const std::string text = Metrics("", "", log).Render();
  CHECK_THAT(text, Contains("\ngitaly_praefect_log_lines_lost_total 7\n"));
  CHECK_THAT(text, Contains("\ngitaly_praefect_log_write_errors_total 2\n"));
}

TEST_CASE("families of others are rendered") {
  const LeakyLog log;
  Metrics metrics("", "", log);
  auto& family =
      prometheus::BuildCounter().Name("calls_total").Help("h").Register(metrics.registry());
  family.Add({{"code", "OK"}}).Increment(3);
  CHECK_THAT(metrics.Render(), Contains("calls_total{code=\"OK\"} 3\n"));
}

}  // namespace
}  // namespace praefect::observe
