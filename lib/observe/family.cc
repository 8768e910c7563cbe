#include "observe/family.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace praefect::observe {

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}

void Histogram::Observe(double value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

// The count is that of the buckets just read, so that it agrees with them.
prometheus::ClientMetric Histogram::Collect() const {
  prometheus::ClientMetric metric;
  auto& histogram = metric.histogram;
  for (size_t i = 0; i < counts_.size(); ++i) {
    histogram.sample_count += counts_[i].load(std::memory_order_relaxed);
    const double bound = i < bounds_.size() ? bounds_[i] : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({histogram.sample_count, bound});
  }
  histogram.sample_sum = sum_.load(std::memory_order_relaxed);
  return metric;
}

template <typename Metric>
Metric* Family<Metric>::AddWithin(size_t most, const prometheus::Labels& labels) {
  MutexLock lock(mutex_);
  if (const auto found = by_labels_.find(labels); found != by_labels_.end()) return found->second;
  if (series_.size() >= most) return nullptr;
  const Series& added =
      series_.emplace_back(Series{labels, make_(), newest_.load(std::memory_order_relaxed)});
  by_labels_.emplace(labels, added.metric.get());
  newest_.store(&added, std::memory_order_release);
  return added.metric.get();
}

template <typename Metric>
std::vector<prometheus::MetricFamily> Family<Metric>::Collect() const {
  prometheus::MetricFamily family{name_, help_, Metric::metric_type, {}};
  const Series* series = newest_.load(std::memory_order_acquire);
  for (; series != nullptr; series = series->older) {
    prometheus::ClientMetric metric = series->metric->Collect();
    for (const auto& [name, value] : series->labels) metric.label.push_back({name, value});
    family.metric.push_back(std::move(metric));
  }
  if (family.metric.empty()) return {};
  return {std::move(family)};
}

template class Family<prometheus::Counter>;
template class Family<prometheus::Gauge>;
template class Family<Histogram>;

}  // namespace praefect::observe
