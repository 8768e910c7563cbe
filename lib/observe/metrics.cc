#include "observe/metrics.h"

#include <prometheus/gauge.h>
#include <prometheus/text_serializer.h>

#include <iterator>
#include <utility>

namespace praefect::observe {

Metrics::Metrics(std::string_view version, std::string_view built) {
  prometheus::BuildGauge()
      .Name("gitlab_build_info")
      .Help("Build information of this process: constant 1")
      .Register(registry_)
      .Add({{"version", std::string(version)}, {"built", std::string(built)}})
      .Set(1);
}

std::string Metrics::Render() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  std::vector<prometheus::MetricFamily> process = process_.Collect();
  families.insert(families.end(), std::move_iterator(process.begin()),
                  std::move_iterator(process.end()));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace praefect::observe
