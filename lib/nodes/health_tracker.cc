#include "nodes/health_tracker.h"

#include <algorithm>
#include <utility>

namespace praefect::nodes {

bool HealthTracker::TokenCheckDue() const {
  return health_ != Health::kUp || refusal_.has_value() ||
         since_token_check_ + 1 >= kProbesPerTokenCheck;
}

ProbeResult HealthTracker::Observe(ProbeResult health_check) {
  ++since_token_check_;
  Count(health_check.good());
  return health_check;
}

ProbeResult HealthTracker::Observe(ProbeResult health_check, const ProbeResult& token_check) {
  since_token_check_ = 0;
  if (token_check.good()) refusal_.reset();
  if (token_check.cause == ProbeResult::Cause::kTokenRefused) refusal_ = token_check;
  const auto latency = health_check.latency;
  ProbeResult whole = refusal_.value_or(std::move(health_check));
  whole.latency = latency;
  Count(whole.good());
  return whole;
}

void HealthTracker::Count(bool good) {
  in_a_row_ = good == last_good_ ? std::min(in_a_row_ + 1, 1'000) : 1;
  last_good_ = good;
  if (good && (health_ == Health::kUnknown || in_a_row_ >= kSuccessesUntilUp)) {
    health_ = Health::kUp;
  } else if (!good && in_a_row_ >= kFailuresUntilDown) {
    health_ = Health::kDown;
  }
}

}  // namespace praefect::nodes
