#pragma once

#include <optional>
#include <string_view>

namespace praefect::config {

// The line of the first thing in `text` that TOML allows nowhere: bytes that are not UTF-8, control
// characters other than tab and the ends of lines. Nothing when there is none.
std::optional<int> NotPlainTextAt(std::string_view text);

}  // namespace praefect::config
