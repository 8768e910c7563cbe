#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace praefect::db {

// What one statement returned. A value; columns are counted from 0. Asking for a cell that is not
// there, for a null as a value or for text as a number is a mistake in our own SQL and aborts.
class Rows {
 public:
  Rows() = default;
  explicit Rows(size_t columns, uint64_t affected = 0) : columns_(columns), affected_(affected) {}

  // Rows returned.
  size_t size() const { return columns_ == 0 ? 0 : cells_.size() / columns_; }
  bool empty() const { return size() == 0; }
  size_t columns() const { return columns_; }
  // Rows inserted, updated or deleted.
  uint64_t affected() const { return affected_; }

  bool IsNull(size_t row, size_t column) const { return !Cell(row, column); }
  int64_t Integer(size_t row, size_t column) const;
  bool Boolean(size_t row, size_t column) const;
  const std::string& Text(size_t row, size_t column) const;
  std::optional<int64_t> MaybeInteger(size_t row, size_t column) const;
  std::optional<std::string> MaybeText(size_t row, size_t column) const {
    return Cell(row, column);
  }

  // For engines, which fill rows from left to right.
  void Append(std::optional<std::string> cell) { cells_.push_back(std::move(cell)); }
  void SetAffected(uint64_t affected) { affected_ = affected; }

 private:
  // As the engine writes it: integers in decimal, booleans as t and f or 1 and 0.
  const std::optional<std::string>& Cell(size_t row, size_t column) const;

  size_t columns_ = 0;
  uint64_t affected_ = 0;
  std::vector<std::optional<std::string>> cells_;
};

}  // namespace praefect::db
