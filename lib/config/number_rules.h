#pragma once

// Rules of single numbers and times, in the words of upstream's `configuration validate`.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace praefect::config {

std::string NotInRange(int64_t value, int64_t least);
std::string NotInRange(std::chrono::milliseconds value, std::chrono::milliseconds least);

// What is wrong with histogram buckets; empty when they ascend.
std::string BadOrder(const std::vector<double>& buckets);

}  // namespace praefect::config
