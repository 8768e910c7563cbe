#include "config/duration.h"

#include <absl/status/status.h>
#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace praefect::config {
namespace {

// One number with its unit, for instance the "1.5h" of "1.5h30m".
struct Term {
  uint64_t whole = 0;
  double fraction = 0;  // of one unit, below 1
  std::string_view unit;
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::optional<uint64_t> UnitInNanoseconds(std::string_view unit) {
  constexpr std::pair<std::string_view, uint64_t> kUnits[] = {
      {"ns", 1},          {"us", 1'000},        {"\u00b5s", 1'000},  // micro sign
      {"\u03bcs", 1'000},                                            // Greek letter mu
      {"ms", 1'000'000},  {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000},
  };
  for (const auto& [name, nanoseconds] : kUnits) {
    if (name == unit) return nanoseconds;
  }
  return std::nullopt;
}

// Takes the digits before the point; false when they overflow.
bool TakeWhole(std::string_view& text, uint64_t& whole) {
  while (!text.empty() && IsDigit(text.front())) {
    if (__builtin_mul_overflow(whole, uint64_t{10}, &whole)) return false;
    if (__builtin_add_overflow(whole, static_cast<uint64_t>(text.front() - '0'), &whole)) {
      return false;
    }
    text.remove_prefix(1);
  }
  return true;
}

// Takes ".digits"; says how many digits there were.
size_t TakeFraction(std::string_view& text, double& fraction) {
  size_t digits = 0;
  double scale = 0.1;
  for (text.remove_prefix(1); !text.empty() && IsDigit(text.front()); text.remove_prefix(1)) {
    fraction += (text.front() - '0') * scale;
    scale /= 10;
    ++digits;
  }
  return digits;
}

std::optional<Term> TakeTerm(std::string_view& text) {
  Term term;
  const size_t before = text.size();
  if (!TakeWhole(text, term.whole)) return std::nullopt;
  size_t digits = before - text.size();
  if (!text.empty() && text.front() == '.') digits += TakeFraction(text, term.fraction);
  if (digits == 0) return std::nullopt;
  size_t length = 0;
  while (length < text.size() && text[length] != '.' && !IsDigit(text[length])) ++length;
  term.unit = text.substr(0, length);
  text.remove_prefix(length);
  return term;
}

absl::Status Invalid(std::string_view text) {
  return absl::InvalidArgumentError(fmt::format("time: invalid duration \"{}\"", text));
}

// Adds `term` to `sum`; false when the sum leaves Go's range.
bool Add(const Term& term, uint64_t unit, uint64_t& sum) {
  uint64_t nanoseconds = 0;
  if (__builtin_mul_overflow(term.whole, unit, &nanoseconds)) return false;
  const auto rest = static_cast<uint64_t>(term.fraction * static_cast<double>(unit) + 0.5);
  return !__builtin_add_overflow(nanoseconds, rest, &nanoseconds) &&
         !__builtin_add_overflow(sum, nanoseconds, &sum) &&
         sum <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
}

}  // namespace

absl::StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  std::string_view rest = text;
  const bool negative = !rest.empty() && rest.front() == '-';
  if (negative || (!rest.empty() && rest.front() == '+')) rest.remove_prefix(1);
  if (rest == "0") return std::chrono::nanoseconds(0);
  if (rest.empty()) return Invalid(text);
  uint64_t sum = 0;
  while (!rest.empty()) {
    const auto term = TakeTerm(rest);
    if (!term) return Invalid(text);
    if (term->unit.empty()) {
      return absl::InvalidArgumentError(fmt::format("time: missing unit in duration \"{}\"", text));
    }
    const auto unit = UnitInNanoseconds(term->unit);
    if (!unit) {
      return absl::InvalidArgumentError(
          fmt::format("time: unknown unit \"{}\" in duration \"{}\"", term->unit, text));
    }
    if (!Add(*term, *unit, sum)) return Invalid(text);
  }
  const auto signed_sum = static_cast<int64_t>(sum);
  return std::chrono::nanoseconds(negative ? -signed_sum : signed_sum);
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  const std::string_view sign = duration.count() < 0 ? "-" : "";
  const auto total = duration.count() < 0 ? -static_cast<uint64_t>(duration.count())
                                          : static_cast<uint64_t>(duration.count());
  if (total == 0) return "0s";
  if (total < 1000) return fmt::format("{}{}ms", sign, total);
  const auto seconds = total / 1000;
  std::string text(sign);
  if (seconds >= 3600) text += fmt::format("{}h", seconds / 3600);
  if (seconds >= 60) text += fmt::format("{}m", seconds / 60 % 60);
  const auto rest = static_cast<double>(total % 60'000) / 1000;
  return text + fmt::format("{}s", rest);
}

}  // namespace praefect::config
