#pragma once

// From a row of probe results to a node's health, without a clock.

#include "nodes/snapshot.h"

namespace praefect::nodes {

// Down after kFailuresUntilDown failed probes in a row, up after kSuccessesUntilUp good ones; from
// kUnknown the first good one is enough.
class HealthTracker {
 public:
  static constexpr int kFailuresUntilDown = 2;
  static constexpr int kSuccessesUntilUp = 2;

  Health health() const { return health_; }
  Health Observe(bool good);  // the health from now on

 private:
  Health health_ = Health::kUnknown;
  bool last_good_ = false;
  int in_a_row_ = 0;  // results like the last one; saturates
};

}  // namespace praefect::nodes
