#pragma once

// A TOML document as plain values with the lines they stand on. The only door to the TOML library,
// which throws; nothing here does.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace praefect::config {

struct Entry;
struct Value;

struct Table {
  std::vector<Entry> entries;  // sorted by name
  const Entry* Find(std::string_view name) const;
};

using Array = std::vector<Value>;

struct Time {};  // a date or a time: no key of ours is one

struct Value {
  std::variant<std::string, int64_t, double, bool, Time, Array, Table> data;
  int line = 0;    // from 1
  int column = 0;  // from 1
  // What TOML calls this kind of value: "string", "integer", "array", ...
  std::string_view type() const;
};

struct Entry {
  std::string name;
  Value value;
};

struct SyntaxError {
  int line = 0;  // from 1; 0: of the whole file
  int column = 0;
  std::string message;
};

// Refuses text of more than kMaxDocumentBytes, and what precheck.h refuses.
std::variant<Table, SyntaxError> ParseDocument(std::string_view text);

inline constexpr size_t kMaxDocumentBytes = 1 << 20;

}  // namespace praefect::config
