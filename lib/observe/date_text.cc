#include "observe/date_text.h"

#include <array>

namespace praefect::observe {
namespace {

constexpr std::string_view kShape = "0000-00-00T00:00:00";

struct Written {
  std::time_t unix_seconds = -1;
  std::array<char, kShape.size()> text;
};

// Moves `end` to the front of what it wrote.
void WriteBefore(char*& end, int value, int digits) {
  for (; digits > 0; --digits, value /= 10) *--end = static_cast<char>('0' + value % 10);
}

void Write(Written& written, std::time_t unix_seconds) {
  std::tm utc{};
  gmtime_r(&unix_seconds, &utc);
  written.unix_seconds = unix_seconds;
  char* end = written.text.data() + written.text.size();
  const struct {
    int value, digits;
    char before;
  } parts[] = {{utc.tm_sec, 2, ':'},  {utc.tm_min, 2, ':'},     {utc.tm_hour, 2, 'T'},
               {utc.tm_mday, 2, '-'}, {utc.tm_mon + 1, 2, '-'}, {utc.tm_year + 1900, 4, '\0'}};
  for (const auto& part : parts) {
    WriteBefore(end, part.value, part.digits);
    if (part.before != '\0') *--end = part.before;
  }
}

}  // namespace

std::string_view DateAndSeconds(std::time_t unix_seconds) {
  // A line has two of them, now and its deadline.
  thread_local std::array<Written, 4> recent;
  Written& written = recent[static_cast<size_t>(unix_seconds) % recent.size()];
  if (written.unix_seconds != unix_seconds) Write(written, unix_seconds);
  return {written.text.data(), written.text.size()};
}

}  // namespace praefect::observe
