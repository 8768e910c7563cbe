#pragma once

// Puts any bytes on one line, of a log or on a terminal: what could break the line, a terminal or a
// parser is escaped. All functions append to `out` and leave what is there.

#include <string>
#include <string_view>

namespace praefect::observe {

// As logrus writes a value in its text format: bare when it holds nothing but [A-Za-z0-9._/@^+-],
// else in double quotes with Go's escapes (\n, \x07, \u202e; \xff for a byte that is no UTF-8).
// An empty value is written as nothing.
void AppendTextValue(std::string& out, std::string_view value);

// For a terminal: as it is, but for what could break the line or mislead its reader, which is shown
// by escapes as above. Quotes and backslashes stay.
void AppendPrintable(std::string& out, std::string_view value);

// Whether a JSON string of it is itself between quotes.
bool IsPlain(std::string_view value);

// A JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD.
void AppendJsonString(std::string& out, std::string_view value);

// The longest prefix of `value` that has at most `max_bytes` and does not end inside a character.
std::string_view CutAtCharacter(std::string_view value, size_t max_bytes);

}  // namespace praefect::observe
