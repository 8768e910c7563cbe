#include "config/number_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "config/duration.h"

namespace praefect::config {

std::string NotInRange(int64_t value, int64_t least) {
  return fmt::format("not in range: {} is not greater than or equal to {}", value, least);
}

std::string NotInRange(std::chrono::milliseconds value, std::chrono::milliseconds least) {
  return fmt::format("not in range: {} is not greater than or equal to {}", FormatDuration(value),
                     FormatDuration(least));
}

std::string BadOrder(const std::vector<double>& buckets) {
  const bool finite = std::all_of(buckets.begin(), buckets.end(),
                                  [](double bucket) { return std::isfinite(bucket); });
  const bool ascending = std::adjacent_find(buckets.begin(), buckets.end(),
                                            std::greater_equal<double>()) == buckets.end();
  if (finite && ascending) return "";
  return fmt::format("bad order: expected asc: [{}]", fmt::join(buckets, ", "));
}

}  // namespace praefect::config
