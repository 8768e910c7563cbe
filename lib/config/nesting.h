#pragma once

// Keeps the TOML library, which recurses per level, away from text that would exhaust its stack.

#include <optional>
#include <string_view>

namespace praefect::config {

inline constexpr int kMaxKeyParts = 16;      // parts of one dotted key or table header
inline constexpr int kMaxBracketDepth = 32;  // arrays and inline tables inside each other

// The line on which `text` first nests deeper than that; nothing when it never does. Looks no
// closer than telling strings and comments from the rest: text that is not TOML may pass.
std::optional<int> TooDeepAt(std::string_view text);

}  // namespace praefect::config
