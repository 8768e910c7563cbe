#pragma once

// The date of a line, which is the same one for all lines of a second.

#include <ctime>
#include <string_view>

namespace praefect::observe {

// "2026-11-22T03:53:51", UTC. Lives until the thread's next call. Years 1970 to 9999.
std::string_view DateAndSeconds(std::time_t unix_seconds);

}  // namespace praefect::observe
