#include "config/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <stdexcept>

#include "config/precheck.h"

// The library asserts what bad input can break, and its release build goes on regardless: fuzzing
// found several such inputs. So it is compiled in here with assertions that are errors.
#undef NDEBUG
#define TOML_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : throw std::logic_error("not valid TOML"))
#include <toml++/toml.h>

namespace praefect::config {
namespace {

Value Convert(const toml::node& node);

Table ConvertTable(const toml::table& source) {
  Table table;
  table.entries.reserve(source.size());
  for (const auto& [key, node] : source) {
    Value value = Convert(node);
    // Points at the key: a header's table begins where its header does.
    if (!node.is_table()) value.line = static_cast<int>(key.source().begin.line);
    table.entries.push_back({std::string(key.str()), std::move(value)});
  }
  std::sort(table.entries.begin(), table.entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return table;
}

Array ConvertArray(const toml::array& source) {
  Array array;
  array.reserve(source.size());
  for (const toml::node& node : source) array.push_back(Convert(node));
  return array;
}

Value Convert(const toml::node& node) {
  Value value;
  value.line = static_cast<int>(node.source().begin.line);
  switch (node.type()) {
    case toml::node_type::string:
      value.data = node.as_string()->get();
      break;
    case toml::node_type::integer:
      value.data = node.as_integer()->get();
      break;
    case toml::node_type::floating_point:
      value.data = node.as_floating_point()->get();
      break;
    case toml::node_type::boolean:
      value.data = node.as_boolean()->get();
      break;
    case toml::node_type::array:
      value.data = ConvertArray(*node.as_array());
      break;
    case toml::node_type::table:
      value.data = ConvertTable(*node.as_table());
      break;
    default:
      value.data = Time();
      break;
  }
  return value;
}

std::string_view LineOf(std::string_view text, int line) {
  for (; line > 1; --line) {
    const auto end = text.find('\n');
    if (end == text.npos) return "";
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// The library quotes what it stumbled on, which may be the value of a secret.
bool MayHoldSecret(std::string_view line) {
  constexpr std::array kWords = {"token", "password", "dsn", "key"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](const char* word) { return line.find(word) != line.npos; });
}

SyntaxError Describe(const toml::parse_error& error, std::string_view text) {
  const auto position = error.source().begin;
  SyntaxError result{static_cast<int>(position.line), static_cast<int>(position.column), ""};
  result.message = MayHoldSecret(LineOf(text, result.line))
                       ? "this line does not parse (not quoted here, it may hold a secret)"
                       : std::string(error.description());
  return result;
}

}  // namespace

const Entry* Table::Find(std::string_view name) const {
  for (const Entry& entry : entries) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::string_view Value::type() const {
  constexpr std::array<std::string_view, 7> kNames = {"string", "integer", "float", "boolean",
                                                      "time",   "array",   "table"};
  return kNames[data.index()];
}

std::variant<Table, SyntaxError> ParseDocument(std::string_view text) {
  if (text.size() > kMaxDocumentBytes) {
    return SyntaxError{0, 0, fmt::format("larger than {} bytes", kMaxDocumentBytes)};
  }
  if (const auto refusal = Precheck(text)) {
    return SyntaxError{refusal->line, 0, std::string(refusal->reason)};
  }
  try {
    return ConvertTable(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return Describe(error, text);
  } catch (const std::exception& error) {
    return SyntaxError{0, 0, error.what()};
  }
}

}  // namespace praefect::config
