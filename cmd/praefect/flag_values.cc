#include "flag_values.h"

#include <fmt/format.h>

#include "config/duration.h"

namespace praefect::cmd {
namespace {

bool IsDuration(const std::string& text) {
  const auto duration = config::ParseDuration(text);
  return duration.ok() && duration->count() >= 0;
}

// `choices` are words with | between them.
bool IsOneOf(std::string_view choices, std::string_view text) {
  while (!choices.empty()) {
    const auto end = std::min(choices.find('|'), choices.size());
    if (choices.substr(0, end) == text) return true;
    choices.remove_prefix(std::min(end + 1, choices.size()));
  }
  return false;
}

std::string Refusal(const Flag& flag, const std::string& text, std::string_view wanted) {
  return fmt::format("invalid value \"{}\" for flag -{}: {}", text, flag.name, wanted);
}

}  // namespace

std::string RefuseValue(const Flag& flag, const std::string& text) {
  if (flag.value.empty()) {
    if (IsOneOf("true|false", text)) return "";
    return Refusal(flag, text, "it is a switch, -name or -name=false");
  }
  if (flag.value == "DURATION" && !IsDuration(text)) {
    return Refusal(flag, text, "write a time with a unit, for instance 10s or 1h30m");
  }
  if (flag.value.find('|') != flag.value.npos && !IsOneOf(flag.value, text)) {
    return Refusal(flag, text, fmt::format("write one of {}", flag.value));
  }
  return "";
}

}  // namespace praefect::cmd
