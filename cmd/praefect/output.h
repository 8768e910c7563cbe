#pragma once

#include <string>
#include <string_view>

namespace praefect::cmd {

// What a command was asked for, on standard output. `main` notices when that cannot be written.
void Print(std::string_view text);

// A line on standard error, and its newline.
void PrintError(std::string_view line);

// What nodes and clients say may hold anything: on one line, with escapes.
std::string Printable(std::string_view text);

// `text` in lines of what `indent` leaves of 80 columns; all but the first are indented.
std::string Wrapped(const std::string& text, size_t indent);

}  // namespace praefect::cmd
