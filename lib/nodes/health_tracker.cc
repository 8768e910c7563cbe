#include "nodes/health_tracker.h"

#include <algorithm>

namespace praefect::nodes {

Health HealthTracker::Observe(bool good) {
  in_a_row_ = good == last_good_ ? std::min(in_a_row_ + 1, 1'000) : 1;
  last_good_ = good;
  if (good && (health_ == Health::kUnknown || in_a_row_ >= kSuccessesUntilUp)) {
    health_ = Health::kUp;
  } else if (!good && in_a_row_ >= kFailuresUntilDown) {
    health_ = Health::kDown;
  }
  return health_;
}

}  // namespace praefect::nodes
