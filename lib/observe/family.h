#pragma once

// Metrics for the way of a call. Counting costs a few atomic operations, and neither it nor the
// adding of a series ever waits for a scrape. (prometheus-cpp locks a family while it is collected,
// and a histogram also while it observes.)

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/labels.h>
#include <prometheus/metric_family.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "observe/mutex.h"

namespace praefect::observe {

// Any thread.
class Histogram {
 public:
  static constexpr prometheus::MetricType metric_type = prometheus::MetricType::Histogram;

  // The buckets' upper bounds, ascending; one without a bound is added.
  explicit Histogram(std::vector<double> bounds);
  void Observe(double value);
  prometheus::ClientMetric Collect() const;

 private:
  const std::vector<double> bounds_;
  std::vector<std::atomic<uint64_t>> counts_;  // one more than bounds_
  std::atomic<double> sum_{0};
};

// All series of one name. They stay for as long as the family does. Any thread.
template <typename Metric>
class Family final : public prometheus::Collectable {
 public:
  using Make = std::function<std::unique_ptr<Metric>()>;
  Family(std::string name, std::string help, Make make)
      : name_(std::move(name)), help_(std::move(help)), make_(std::move(make)) {}

  // The series with these labels, made if there is none yet. Costs a lock that only this takes: who
  // counts often remembers what it got.
  Metric& Add(const prometheus::Labels& labels) { return *AddWithin(~size_t{0}, labels); }
  // The same, but nullptr when it would be one more than `most`.
  Metric* AddWithin(size_t most, const prometheus::Labels& labels);

  // Empty without any series.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  // Series are only ever put before the newest one, so that collecting needs no lock.
  struct Series {
    prometheus::Labels labels;
    std::unique_ptr<Metric> metric;
    const Series* older;
  };

  const std::string name_, help_;
  const Make make_;
  std::atomic<const Series*> newest_{nullptr};

  Mutex mutex_;
  std::deque<Series> series_ ABSL_GUARDED_BY(mutex_);  // what newest_ and `older` point to
  std::map<prometheus::Labels, Metric*> by_labels_ ABSL_GUARDED_BY(mutex_);
};

using CounterFamily = Family<prometheus::Counter>;
using HistogramFamily = Family<Histogram>;
using GaugeFamily = Family<prometheus::Gauge>;

extern template class Family<prometheus::Counter>;
extern template class Family<prometheus::Gauge>;
extern template class Family<Histogram>;

}  // namespace praefect::observe
