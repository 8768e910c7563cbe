#pragma once

// Keeps the TOML library away from text that it is not up to: it recurses per level of nesting.

#include <optional>
#include <string_view>

namespace praefect::config {

inline constexpr int kMaxKeyParts = 16;      // parts of one dotted key or table header
inline constexpr int kMaxBracketDepth = 32;  // arrays and inline tables inside each other

struct Refusal {
  int line = 0;  // from 1
  std::string_view reason;
};

// Nothing when `text` may be parsed. Looks no closer than telling strings and comments from the
// rest: text that is not TOML may pass.
std::optional<Refusal> Precheck(std::string_view text);

}  // namespace praefect::config
