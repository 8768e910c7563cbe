#include "observe/metrics.h"

#include <prometheus/counter.h>
#include <catch2/catch.hpp>

namespace praefect::observe {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("build information is a metric") {
  const Metrics metrics("1.2.3", "20261122");
  const std::string text = metrics.Render();
  CHECK_THAT(text, Contains("gitlab_build_info{built=\"20261122\",version=\"1.2.3\"} 1\n") ||
                       Contains("gitlab_build_info{version=\"1.2.3\",built=\"20261122\"} 1\n"));
}

TEST_CASE("the process shows what it uses") {
  const std::string text = Metrics("", "").Render();
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_virtual_memory_bytes", "process_open_fds", "process_max_fds",
                           "process_start_time_seconds"}) {
    CHECK_THAT(text, Contains(std::string("\n") + name + " "));
  }
  CHECK_THAT(text, !Contains("process_resident_memory_bytes 0\n"));
}

TEST_CASE("families of others are rendered") {
  Metrics metrics("", "");
  auto& family =
      prometheus::BuildCounter().Name("calls_total").Help("h").Register(metrics.registry());
  family.Add({{"code", "OK"}}).Increment(3);
  CHECK_THAT(metrics.Render(), Contains("calls_total{code=\"OK\"} 3\n"));
}

}  // namespace
}  // namespace praefect::observe
