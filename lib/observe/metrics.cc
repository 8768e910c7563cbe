#include "observe/metrics.h"

#include <prometheus/gauge.h>
#include <prometheus/text_serializer.h>

#include <initializer_list>
#include <iterator>
#include <utility>

namespace praefect::observe {

Metrics::Metrics(std::string_view version, std::string_view built, const Logger& logger)
    : log_(logger) {
  prometheus::BuildGauge()
      .Name("gitlab_build_info")
      .Help("Build information of this process: constant 1")
      .Register(registry_)
      .Add({{"version", std::string(version)}, {"built", std::string(built)}})
      .Set(1);
}

std::string Metrics::Render() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (const prometheus::Collectable* more : std::initializer_list<const prometheus::Collectable*>{
           &database_registry_, &process_, &log_}) {
    std::vector<prometheus::MetricFamily> collected = more->Collect();
    families.insert(families.end(), std::move_iterator(collected.begin()),
                    std::move_iterator(collected.end()));
  }
  return prometheus::TextSerializer().Serialize(families);
}

std::string Metrics::RenderDatabase() const {
  return prometheus::TextSerializer().Serialize(database_registry_.Collect());
}

}  // namespace praefect::observe
