#pragma once

#include <string_view>

namespace praefect::cmd {

// What a command was asked for, on standard output. `main` notices when that cannot be written.
void Print(std::string_view text);

// A line on standard error, and its newline.
void PrintError(std::string_view line);

}  // namespace praefect::cmd
