#include "db/arguments.h"

#include <fmt/format.h>

#include <algorithm>

#include "gitaly/wire.h"
#include "observe/escape.h"

namespace praefect::db {
namespace {

// From PostgreSQL's catalogue (pg_type.dat).
constexpr unsigned kBool = 16, kInt8 = 20, kText = 25, kFloat8 = 701;
constexpr unsigned kBoolArray = 1000, kTextArray = 1009, kInt8Array = 1016;

bool IsText(const std::string& text) {
  return text.find('\0') == std::string::npos && gitaly::IsUtf8(text);
}

struct IsPlain {
  bool operator()(const std::string& text) const { return IsText(text); }
  bool operator()(const Texts& texts) const {
    return std::all_of(texts.begin(), texts.end(),
                       [](const auto& text) { return !text || IsText(*text); });
  }
  template <class Other>
  bool operator()(const Other&) const {
    return true;
  }
};

template <class Values, class AppendOne>
std::string Array(const Values& values, char open, char close, const char* null, AppendOne append) {
  std::string array(1, open);
  for (const auto& value : values) {
    if (array.size() > 1) array += ',';
    if (value) {
      append(array, *value);
    } else {
      array += null;
    }
  }
  return array += close;
}

void AppendInteger(std::string& out, int64_t value) { out += std::to_string(value); }

// An element of an array literal: quoted, so that only quotes and backslashes mean something.
void AppendElement(std::string& out, const std::string& text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

struct Convert {
  PostgresArgument operator()(Null) const { return {}; }
  PostgresArgument operator()(bool value) const { return {value ? "t" : "f", kBool}; }
  PostgresArgument operator()(int64_t value) const { return {std::to_string(value), kInt8}; }
  PostgresArgument operator()(double value) const { return {fmt::format("{}", value), kFloat8}; }
  PostgresArgument operator()(const std::string& value) const { return {value, kText}; }
  PostgresArgument operator()(const Integers& values) const {
    return {Array(values, '{', '}', "NULL", AppendInteger), kInt8Array};
  }
  PostgresArgument operator()(const Texts& values) const {
    return {Array(values, '{', '}', "NULL", AppendElement), kTextArray};
  }
  PostgresArgument operator()(const Booleans& values) const {
    const auto append = [](std::string& out, bool value) { out += value ? 't' : 'f'; };
    return {Array(values, '{', '}', "NULL", append), kBoolArray};
  }
};

}  // namespace

std::optional<Error> CheckArguments(const std::vector<Statement>& statements) {
  for (const Statement& statement : statements) {
    for (size_t i = 0; i < statement.parameters.size(); ++i) {
      if (std::visit(IsPlain(), statement.parameters[i])) continue;
      Error error;
      error.layer = Layer::kArgument;
      error.message = fmt::format(
          "use a text in the database: it has a NUL or is not valid UTF-8 (argument {})", i + 1);
      return error;
    }
  }
  return std::nullopt;
}

PostgresArgument ToPostgres(const Parameter& parameter) { return std::visit(Convert(), parameter); }

std::string ToJson(const Integers& values) {
  return Array(values, '[', ']', "null", AppendInteger);
}

std::string ToJson(const Texts& values) {
  return Array(values, '[', ']', "null", [](std::string& out, const std::string& text) {
    observe::AppendJsonString(out, text);
  });
}

std::string ToJson(const Booleans& values) {
  const auto append = [](std::string& out, bool value) { out += value ? '1' : '0'; };
  return Array(values, '[', ']', "null", append);
}

}  // namespace praefect::db
