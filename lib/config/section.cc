#include "config/section.h"

#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/duration.h"
#include "config/number_rules.h"
#include "config/secret_file.h"
#include "config/suggest.h"

namespace praefect::config {
namespace {

template <class T>
const T* As(const Value* value) {
  return value ? std::get_if<T>(&value->data) : nullptr;
}

std::string_view Message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace

Section::Section(const Table& table, std::string path, Findings& findings)
    : table_(table), path_(std::move(path)), findings_(findings) {
  for (const Entry& entry : table_.entries) findings_.Locate(PathOf(entry.name), entry.value.line);
}

std::string Section::PathOf(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

const Value* Section::Find(std::string_view name) {
  known_.emplace_back(name);
  const Entry* entry = table_.Find(name);
  return entry ? &entry->value : nullptr;
}

void Section::WrongType(std::string_view path, const Value& value, std::string_view wanted,
                        std::string suggestion) {
  findings_.Error(path,
                  fmt::format("toml: cannot decode TOML {} into field {} of type {}", value.type(),
                              path, wanted),
                  std::move(suggestion),
                  fmt::format("line {} column {}: toml: cannot decode TOML {} into field {} of "
                              "type {}",
                              value.line, value.column, value.type(), path, wanted));
}

void Section::Read(std::string_view name, std::string& field) {
  const Value* value = Find(name);
  if (const auto* text = As<std::string>(value)) {
    field = *text;
  } else if (value) {
    WrongType(PathOf(name), *value, "string", "write it in quotes");
  }
}

void Section::Read(std::string_view name, bool& field) {
  const Value* value = Find(name);
  if (const auto* flag = As<bool>(value)) {
    field = *flag;
  } else if (value) {
    WrongType(PathOf(name), *value, "bool", "write true or false, without quotes");
  }
}

void Section::Read(std::string_view name, std::chrono::milliseconds& field,
                   std::chrono::milliseconds least, std::chrono::milliseconds most) {
  const Value* value = Find(name);
  if (!value) return;
  const std::string path = PathOf(name);
  const auto* text = As<std::string>(value);
  if (!text) {
    return WrongType(path, *value, "duration",
                     "write a number with a unit in quotes, for instance \"30s\" or \"1h30m\"");
  }
  const auto duration = ParseDuration(*text);
  if (!duration.ok()) {
    return findings_.Error(path, fmt::format("toml: {}", Message(duration.status())),
                           "write a number with a unit, for instance \"30s\" or \"1h30m\"");
  }
  const auto value_ms = std::chrono::duration_cast<std::chrono::milliseconds>(*duration);
  if (value_ms >= least && value_ms <= most) {
    field = value_ms;
    return;
  }
  findings_.Error(path,
                  value_ms < least ? NotInRange(value_ms, least)
                                   : fmt::format("not in range: {} is not less than or equal to {}",
                                                 FormatDuration(value_ms), FormatDuration(most)),
                  fmt::format("write {} to {}", FormatDuration(least), FormatDuration(most)));
}

void Section::Read(std::string_view name, std::vector<double>& field) {
  const Value* value = Find(name);
  if (!value) return;
  const auto* array = As<Array>(value);
  if (!array) {
    return WrongType(PathOf(name), *value, "array of numbers", "write [0.1, 1, 10]");
  }
  std::vector<double> numbers;
  for (size_t i = 0; i < array->size(); ++i) {
    const auto number = ReadNumber(fmt::format("{}[{}]", PathOf(name), i), (*array)[i]);
    if (!number) return;
    numbers.push_back(*number);
  }
  field = std::move(numbers);
}

std::optional<double> Section::ReadNumber(std::string_view path, const Value& value) {
  if (const auto* number = As<double>(&value)) return *number;
  if (const auto* integer = As<int64_t>(&value)) return static_cast<double>(*integer);
  WrongType(path, value, "float64", "write a number, without quotes");
  return std::nullopt;
}

std::optional<int64_t> Section::ReadInteger(std::string_view name, int64_t least, int64_t most) {
  const Value* value = Find(name);
  if (!value) return std::nullopt;
  const std::string path = PathOf(name);
  int64_t number = 0;
  if (const auto* integer = As<int64_t>(value)) {
    number = *integer;
  } else if (const auto* text = As<std::string>(value); text && absl::SimpleAtoi(*text, &number)) {
    findings_.Warn(path, "an integer is written as a string",
                   fmt::format("write {} without quotes", number));
  } else {
    WrongType(path, *value, "integer", "write a whole number, without quotes");
    return std::nullopt;
  }
  if (number >= least && number <= most) return number;
  findings_.Error(
      path,
      number < least
          ? fmt::format("not in range: {} is not greater than or equal to {}", number, least)
          : fmt::format("not in range: {} is not less than or equal to {}", number, most),
      most == kHighest ? fmt::format("write {} or more", least)
                       : fmt::format("write {} to {}", least, most));
  return std::nullopt;
}

// A field may hold an inherited secret: what is given here replaces it.
void Section::ReadSecret(const std::string& name, std::string& field) {
  const std::string file_key = name + "_file";
  std::string path;
  Read(name, field);
  Read(file_key, path);
  if (path.empty()) return;
  if (const auto* given = As<std::string>(Find(name)); given && !given->empty()) {
    findings_.Error(PathOf(file_key),
                    fmt::format("{} and {} are mutually exclusive", name, file_key), "remove one");
    return;
  }
  auto secret = ReadSecretFile(path);
  if (secret.ok()) {
    field = *std::move(secret);
  } else {
    findings_.Error(PathOf(file_key), std::string(Message(secret.status())),
                    fmt::format("{} must hold the {}, belong to the user that runs Praefect, and "
                                "have mode 0600 or 0400",
                                path, name));
  }
}

void Section::NotActedOn() {
  for (const std::string& name : known_) {
    if (Has(name)) findings_.NotActedOn(PathOf(name));
  }
}

void Section::Ignore(std::span<const IgnoredKey> keys) {
  for (const IgnoredKey& key : keys) Ignore(key);
}

void Section::Ignore(const IgnoredKey& key) {
  std::string text;
  bool flag = false;
  std::chrono::milliseconds duration{};
  std::vector<double> numbers;
  switch (key.kind) {
    case Kind::kString:
      Read(key.name, text);
      break;
    case Kind::kInteger:
      ReadInteger(key.name, kLowest, kHighest);
      break;
    case Kind::kBoolean:
      Read(key.name, flag);
      break;
    case Kind::kDuration:
      Read(key.name, duration);
      break;
    case Kind::kNumbers:
      Read(key.name, numbers);
      break;
  }
  if (Has(key.name)) findings_.NotActedOn(PathOf(key.name));
}

std::optional<Section> Section::Child(std::string_view name) {
  const Value* value = Find(name);
  if (!value) return std::nullopt;
  if (const auto* table = As<Table>(value)) return Section(*table, PathOf(name), findings_);
  WrongType(PathOf(name), *value, "table", fmt::format("write a [{}] header", PathOf(name)));
  return std::nullopt;
}

std::vector<Section> Section::Children(std::string_view name) {
  const Value* value = Find(name);
  std::vector<Section> sections;
  if (!value) return sections;
  const auto* array = As<Array>(value);
  if (!array) {
    WrongType(PathOf(name), *value, "array of tables",
              fmt::format("write [[{}]], with two brackets", name));
    return sections;
  }
  for (size_t i = 0; i < array->size(); ++i) {
    const Value& element = (*array)[i];
    const std::string path = fmt::format("{}[{}]", PathOf(name), i);
    findings_.Locate(path, element.line);
    if (const auto* table = As<Table>(&element)) {
      sections.emplace_back(*table, path, findings_);
    } else {
      WrongType(path, element, "table", fmt::format("write a [[{}]] header", name));
    }
  }
  return sections;
}

void Section::Finish(std::span<const std::string> elsewhere) {
  for (const Entry& entry : table_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.name) == known_.end()) {
      ReportUnknown(entry, elsewhere);
    }
  }
}

void Section::ReportUnknown(const Entry& entry, std::span<const std::string> elsewhere) {
  const std::string path = PathOf(entry.name);
  if (std::find(elsewhere.begin(), elsewhere.end(), entry.name) != elsewhere.end()) {
    findings_.Warn(
        path,
        fmt::format("{} is a key of the top level and has no effect in [{}]", entry.name, path_),
        "move it above the first [table] of the file");
    return;
  }
  const std::string closest = ClosestName(entry.name, known_);
  findings_.Warn(path, "unknown key, it has no effect",
                 closest.empty() ? "" : fmt::format("did you mean {}?", closest));
}

}  // namespace praefect::config
