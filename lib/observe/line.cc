#include "observe/line.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>
#include <iterator>

#include "observe/date_text.h"
#include "observe/escape.h"

namespace praefect::observe {
namespace {

// The names of logrus.
std::string_view NameOf(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warning";
    case Level::kError:
      return "error";
    case Level::kFatal:
      return "fatal";
  }
  return "unknown";
}

void AppendInteger(std::string& out, auto value) {
  const fmt::format_int digits(value);
  out.append(digits.data(), digits.size());
}

void AppendPadded(std::string& out, unsigned value, unsigned highest_place) {
  for (unsigned place = highest_place; place > 0; place /= 10) {
    out += static_cast<char>('0' + value / place % 10);
  }
}

// The shortest text that means this number. Times have three places at most, and need no search.
void AppendNumber(std::string& out, double value) {
  constexpr double kMost = 1e12;
  const bool may_have_three = value > 0 && value < kMost;
  const auto thousandths = static_cast<uint64_t>(may_have_three ? value * 1'000 + 0.5 : 0);
  if (static_cast<double>(thousandths) / 1'000 != value || thousandths == 0) {
    fmt::format_to(std::back_inserter(out), "{}", value);
    return;
  }
  AppendInteger(out, thousandths / 1'000);
  if (thousandths % 1'000 == 0) return;
  out += '.';
  AppendPadded(out, static_cast<unsigned>(thousandths % 1'000), 100);
  while (out.back() == '0') out.pop_back();
}

// Hands `value` to `append`, cut and marked when it is longer than `max_bytes`.
template <typename Append>
void AppendBounded(std::string_view value, size_t max_bytes, Append append) {
  if (value.size() <= max_bytes) return append(value);
  std::string cut(CutAtCharacter(value, max_bytes));
  fmt::format_to(std::back_inserter(cut), "...[cut, {} bytes in all]", value.size());
  append(cut);
}

struct Text {
  std::string& out;
  void String(std::string_view value, size_t max_bytes) const {
    AppendBounded(value, max_bytes, [&](std::string_view v) { AppendTextValue(out, v); });
  }
  void operator()(std::string_view value) const { String(value, kMaxValueBytes); }
  void operator()(int64_t value) const { AppendInteger(out, value); }
  void operator()(uint64_t value) const { AppendInteger(out, value); }
  void operator()(double value) const { AppendNumber(out, value); }
  void operator()(bool value) const { out += value ? "true" : "false"; }
};

struct Json {
  std::string& out;
  void String(std::string_view value, size_t max_bytes) const {
    AppendBounded(value, max_bytes, [&](std::string_view v) { AppendJsonString(out, v); });
  }
  void operator()(std::string_view value) const { String(value, kMaxValueBytes); }
  void operator()(int64_t value) const { AppendInteger(out, value); }
  void operator()(uint64_t value) const { AppendInteger(out, value); }
  void operator()(double value) const {
    if (!std::isfinite(value)) {  // JSON has no such numbers
      out += "null";
    } else {
      AppendNumber(out, value);
    }
  }
  void operator()(bool value) const { out += value ? "true" : "false"; }
};

// Most fields are short strings without an escape: those are put together before they are appended.
// False: this one is another.
bool AppendShortJsonField(std::string& out, const Field& field) {
  const auto* value = std::get_if<std::string_view>(&field.value);
  std::array<char, 256> text;
  constexpr size_t kAround = std::string_view(R"(,"":"")").size();
  if (value == nullptr || field.key.size() + value->size() + kAround > text.size()) return false;
  if (!IsPlain(*value)) return false;
  char* end = text.data();
  const auto add = [&end](std::string_view part) {
    memcpy(end, part.data(), part.size());
    end += part.size();
  };
  add(",\"");
  add(field.key);
  add("\":\"");
  add(*value);
  add("\"");
  out.append(text.data(), end);
  return true;
}

}  // namespace

void AppendTime(std::string& out, std::chrono::system_clock::time_point time) {
  const auto milliseconds =
      std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  out += DateAndSeconds(milliseconds / 1000);
  out += '.';
  AppendPadded(out, milliseconds % 1000, 100);
  out += 'Z';
}

void AppendTextLine(std::string& out, const LineHead& head, std::string_view message,
                    std::span<const Field> fields) {
  const Text text{out};
  out += "time=\"";
  AppendTime(out, head.time);
  out += "\" level=";
  out += NameOf(head.level);
  out += " msg=";
  text.String(message, kMaxMessageBytes);
  for (const Field& field : fields) {
    out += ' ';
    out += field.key;
    out += '=';
    std::visit(text, field.value);
  }
  out += " pid=";
  AppendInteger(out, head.pid);
  out += '\n';
}

void AppendJsonLine(std::string& out, const LineHead& head, std::string_view message,
                    std::span<const Field> fields) {
  const Json json{out};
  out += R"({"level":")";
  out += NameOf(head.level);
  out += R"(","msg":)";
  json.String(message, kMaxMessageBytes);
  out += R"(,"time":")";
  AppendTime(out, head.time);
  out += R"(","pid":)";
  AppendInteger(out, head.pid);
  for (const Field& field : fields) {
    if (AppendShortJsonField(out, field)) continue;
    out += ",\"";
    out += field.key;
    out += "\":";
    std::visit(json, field.value);
  }
  out += "}\n";
}

}  // namespace praefect::observe
