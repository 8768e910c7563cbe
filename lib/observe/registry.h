#pragma once

// Where the families of one process are made and found by a scrape.

#include <prometheus/registry.h>

#include <functional>
#include <string>
#include <vector>

#include "observe/family.h"

namespace praefect::observe {

// prometheus-cpp's registry, for what is counted now and then, with families for the way of a call
// beside its own. It owns all of them. Any thread.
class Registry final : public prometheus::Registry {
 public:
  // Names are given once.
  CounterFamily& Counters(std::string name, std::string help);
  GaugeFamily& Gauges(std::string name, std::string help);
  // `bounds`: of the buckets, ascending.
  HistogramFamily& Histograms(std::string name, std::string help, std::vector<double> bounds);
  // One without labels.
  prometheus::Counter& Counter(std::string name, std::string help);
  prometheus::Gauge& Gauge(std::string name, std::string help);
  // A gauge that is asked for its value when it is collected, by the thread that collects; what
  // `value` uses lives until nobody does any more.
  void AskedGauge(std::string name, std::string help, std::function<double()> value);
  // The same for whole families.
  void AskedFamilies(std::function<std::vector<prometheus::MetricFamily>()> families);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  template <typename Owned>
  Owned& Own(std::unique_ptr<Owned> family);

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<prometheus::Collectable>> families_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace praefect::observe
