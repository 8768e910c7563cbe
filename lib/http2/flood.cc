#include "http2/flood.h"

#include <algorithm>

namespace praefect::http2 {
namespace {

constexpr double kBurstSeconds = 10;

}  // namespace

bool FloodRate::Take(int64_t now_ms) {
  if (per_second == 0) return true;
  double full = per_second * kBurstSeconds;
  if (refilled_ms == 0) tokens = full;
  tokens = std::min(full, tokens + static_cast<double>(now_ms - refilled_ms) * per_second / 1'000);
  refilled_ms = now_ms;
  tokens -= 1;
  return tokens >= 0;
}

}  // namespace praefect::http2
