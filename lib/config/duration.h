#pragma once

// Durations as config.toml writes them: Go's strings.

#include <absl/status/statusor.h>

#include <chrono>
#include <string>
#include <string_view>

namespace praefect::config {

// "300ms", "1.5h", "1h30m", "-5m", "0"; units ns, us, ms, s, m and h. Otherwise InvalidArgument
// with Go's own words, as upstream prints them.
absl::StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text);

// As Go prints it: "1h30m0s", "1.5s", "300ms", "0s".
std::string FormatDuration(std::chrono::milliseconds duration);

}  // namespace praefect::config
