#include "observe/registry.h"

#include <iterator>
#include <utility>

namespace praefect::observe {
namespace {

class AskedGaugeFamily final : public prometheus::Collectable {
 public:
  AskedGaugeFamily(std::string name, std::string help, std::function<double()> value)
      : name_(std::move(name)), help_(std::move(help)), value_(std::move(value)) {}
  std::vector<prometheus::MetricFamily> Collect() const override {
    prometheus::ClientMetric metric;
    metric.gauge.value = value_();
    return {{name_, help_, prometheus::MetricType::Gauge, {metric}}};
  }

 private:
  const std::string name_, help_;
  const std::function<double()> value_;
};

class AskedFamiliesOfOthers final : public prometheus::Collectable {
 public:
  explicit AskedFamiliesOfOthers(std::function<std::vector<prometheus::MetricFamily>()> families)
      : families_(std::move(families)) {}
  std::vector<prometheus::MetricFamily> Collect() const override { return families_(); }

 private:
  const std::function<std::vector<prometheus::MetricFamily>()> families_;
};

}  // namespace

template <typename Owned>
Owned& Registry::Own(std::unique_ptr<Owned> family) {
  Owned& owned = *family;
  MutexLock lock(mutex_);
  families_.push_back(std::move(family));
  return owned;
}

CounterFamily& Registry::Counters(std::string name, std::string help) {
  return Own(std::make_unique<CounterFamily>(
      std::move(name), std::move(help), [] { return std::make_unique<prometheus::Counter>(); }));
}

GaugeFamily& Registry::Gauges(std::string name, std::string help) {
  return Own(std::make_unique<GaugeFamily>(std::move(name), std::move(help),
                                           [] { return std::make_unique<prometheus::Gauge>(); }));
}

HistogramFamily& Registry::Histograms(std::string name, std::string help,
                                      std::vector<double> bounds) {
  return Own(std::make_unique<HistogramFamily>(
      std::move(name), std::move(help),
      [bounds = std::move(bounds)] { return std::make_unique<Histogram>(bounds); }));
}

prometheus::Counter& Registry::Counter(std::string name, std::string help) {
  return Counters(std::move(name), std::move(help)).Add({});
}

prometheus::Gauge& Registry::Gauge(std::string name, std::string help) {
  return Gauges(std::move(name), std::move(help)).Add({});
}

void Registry::AskedGauge(std::string name, std::string help, std::function<double()> value) {
  Own(std::make_unique<AskedGaugeFamily>(std::move(name), std::move(help), std::move(value)));
}

void Registry::AskedFamilies(std::function<std::vector<prometheus::MetricFamily>()> families) {
  Own(std::make_unique<AskedFamiliesOfOthers>(std::move(families)));
}

std::vector<prometheus::MetricFamily> Registry::Collect() const {
  std::vector<prometheus::MetricFamily> all = prometheus::Registry::Collect();
  MutexLock lock(mutex_);  // held by who adds a family, never by who counts
  for (const auto& family : families_) {
    std::vector<prometheus::MetricFamily> collected = family->Collect();
    all.insert(all.end(), std::move_iterator(collected.begin()),
               std::move_iterator(collected.end()));
  }
  return all;
}

}  // namespace praefect::observe
