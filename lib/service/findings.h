#pragma once

// What an operator has to know first: what is wrong, why, and what to do next.

#include <vector>

#include "praefect/status.pb.h"

namespace praefect::service {

// Copies that have been due for so long, although their node is up, are worth a look.
inline constexpr int64_t kLongDueSeconds = 600;

// Of an answer without findings. Errors first, then what matters to most repositories. Pure. What
// passes by itself is none.
std::vector<api::Finding> FindingsOf(const api::StatusResponse& status);

}  // namespace praefect::service
