#include "replication/retry.h"

#include <algorithm>

namespace praefect::replication {

using http2::StatusCode;

// Half of it is by chance: what failed together does not come back together.
std::chrono::milliseconds DelayAfter(int failed, double chance) {
  const int doublings = std::clamp(failed, 0, 16);
  const auto full = std::min(kFirstDelay * (int64_t{1} << doublings), kLongestDelay);
  return full / 2 + std::chrono::milliseconds(static_cast<int64_t>(full.count() / 2 * chance));
}

bool IsPermanent(StatusCode code) {
  switch (code) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kPermissionDenied:
    case StatusCode::kUnauthenticated:
    case StatusCode::kUnimplemented:
    case StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

bool SpeaksOfLockFiles(std::string_view error) {
  return error.find(".lock': File exists") != std::string_view::npos;
}

}  // namespace praefect::replication
