#pragma once

// What a peer may do that costs us work and it nothing.

#include <cstdint>

namespace praefect::http2 {

// Rates above which a peer is taken for hostile and its connection is ended with ENHANCE_YOUR_CALM.
// Each allows bursts of ten seconds' worth. 0: no limit.
struct FloodLimits {
  uint32_t resets_per_second = 0;
  uint32_t pings_per_second = 0;
  uint32_t settings_per_second = 0;
};

// Counts one of these rates: a bucket of tokens.
struct FloodRate {
  uint32_t per_second = 0;  // 0: no limit
  double tokens = 0;
  int64_t refilled_ms = 0;
  // One more event at this time of a monotonic clock, above 0. False: too many.
  bool Take(int64_t now_ms);
};

}  // namespace praefect::http2
