#pragma once

// Which release of Gitaly the node plays.

#include <absl/status/statusor.h>

#include <compare>
#include <string>
#include <string_view>

#include "method_table.h"

namespace praefect::minigitaly {

struct Release {
  int major = 18, minor = 9;

  auto operator<=>(const Release&) const = default;
};

// From here on a copy is what its source was. Until then the first one is a tar, which may lack
// objects, and later ones leave HEAD alone.
inline constexpr Release kWholeCopies{13, 2};

absl::StatusOr<Release> ParseRelease(std::string_view text);  // "12.9"
std::string Text(const Release& release);                     // "12.9.0"

// Takes away what came later, of what the node serves. What Gitaly has given up stays: clients of
// every age are served.
void RemoveLaterMethods(const Release& release, MethodTable& table);

}  // namespace praefect::minigitaly
