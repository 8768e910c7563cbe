#pragma once

#include <optional>
#include <string_view>

namespace praefect::config {

// The line of the first thing in `text` that TOML allows nowhere: bytes that are not UTF-8, control
// characters other than tab and the ends of lines. Nothing when there is none. The TOML library's
// release build takes for granted, in places, that it has checked this itself.
std::optional<int> NotPlainTextAt(std::string_view text);

}  // namespace praefect::config
