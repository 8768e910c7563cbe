#pragma once

#include <cstdlib>
#include <iostream>
#include <string_view>

namespace praefect::fuzz {

// What does not hold is a finding.
inline void Require(bool holds, std::string_view what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << std::endl;
  abort();
}

}  // namespace praefect::fuzz
