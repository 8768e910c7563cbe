#pragma once

#include "config/config.h"
#include "config/findings.h"

namespace praefect::config {

// Checks every rule, in the order in which upstream does (its first error is our first), and
// reports what an operator should know. Completes node addresses that lack a port.
void Validate(Config& config, Findings& findings);

}  // namespace praefect::config
