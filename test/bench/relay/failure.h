#pragma once

#include <string>

namespace praefect::bench {

// Says it on standard error, after the program's name, and ends the program with exit code 1: a
// figure that was measured while something went wrong is worth nothing.
[[noreturn]] void Fail(const std::string& why);

}  // namespace praefect::bench
