#include "output.h"

#include <cstdio>
#include <sstream>

#include "observe/escape.h"

namespace praefect::cmd {
namespace {

constexpr size_t kColumns = 80;

}  // namespace

void Print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void PrintError(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fputc('\n', stderr);
}

std::string Printable(std::string_view text) {
  std::string printable;
  observe::AppendPrintable(printable, text);
  return printable;
}

std::string Wrapped(const std::string& text, size_t indent) {
  std::istringstream words(text);
  std::string result;
  size_t column = indent;
  for (std::string word; words >> word;) {
    const bool first = result.empty();
    const bool fits = column + word.size() + (first ? 0 : 1) <= kColumns;
    if (!first) result += fits ? " " : "\n" + std::string(indent, ' ');
    column = (fits ? column + (first ? 0 : 1) : indent) + word.size();
    result += word;
  }
  return result;
}

}  // namespace praefect::cmd
