#include "db/rows.h"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

namespace praefect::db {
namespace {

// What our own SQL promised did not come: nothing after this can be trusted. Nobody catches it, so
// the process ends with these words.
[[noreturn]] void Break(const std::string& what) { throw std::logic_error(what); }

int64_t ToInteger(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    Break(fmt::format("a query returned a text of {} bytes for an integer", text.size()));
  }
  return value;
}

}  // namespace

const std::optional<std::string>& Rows::Cell(size_t row, size_t column) const {
  if (column >= columns_ || row >= size()) {
    Break(fmt::format("cell {}, {} of a result with {} rows of {}", row, column, size(), columns_));
  }
  return cells_[row * columns_ + column];
}

const std::string& Rows::Text(size_t row, size_t column) const {
  const auto& cell = Cell(row, column);
  if (!cell) Break(fmt::format("null in row {}, column {} of a result", row, column));
  return *cell;
}

int64_t Rows::Integer(size_t row, size_t column) const { return ToInteger(Text(row, column)); }

bool Rows::Boolean(size_t row, size_t column) const {
  const std::string& text = Text(row, column);
  return text == "t" || text == "1";
}

std::optional<int64_t> Rows::MaybeInteger(size_t row, size_t column) const {
  const auto& cell = Cell(row, column);
  return cell ? std::optional(ToInteger(*cell)) : std::nullopt;
}

}  // namespace praefect::db
