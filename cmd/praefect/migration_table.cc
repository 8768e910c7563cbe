#include "migration_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <vector>

namespace praefect::cmd {
namespace {

constexpr size_t kColumns = 2;
constexpr size_t kWidestCell = 30;  // words beyond it go to a line of their own
using Row = std::array<std::string, kColumns>;

std::string AppliedCell(const db::MigrationState& state) {
  if (state.applied_at.empty()) return "no";
  return state.ours || state.upstream ? state.applied_at : "unknown migration";
}

std::vector<std::string> Wrap(const std::string& cell) {
  std::vector<std::string> lines;
  std::istringstream words(cell);
  for (std::string word; words >> word;) {
    if (!lines.empty() && lines.back().size() + 1 + word.size() <= kWidestCell) {
      lines.back() += " " + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

// One row of the table as the lines that it takes.
std::vector<Row> Lines(const Row& row) {
  std::vector<Row> lines;
  for (size_t column = 0; column < kColumns; ++column) {
    const auto wrapped = Wrap(row[column]);
    lines.resize(std::max(lines.size(), wrapped.size()));
    for (size_t i = 0; i < wrapped.size(); ++i) lines[i][column] = wrapped[i];
  }
  return lines;
}

class Table {
 public:
  void Add(const Row& row) {
    for (const Row& line : Lines(row)) {
      lines_.push_back(line);
      for (size_t i = 0; i < kColumns; ++i) widths_[i] = std::max(widths_[i], line[i].size());
    }
  }

  std::string Draw(const Row& head) {
    for (size_t i = 0; i < kColumns; ++i) widths_[i] = std::max(widths_[i], head[i].size());
    std::string text = Rule("┌", "┬", "┐") + Line(head, '^') + Rule("├", "┼", "┤");
    for (const Row& line : lines_) text += Line(line, '<');
    return text + Rule("└", "┴", "┘");
  }

 private:
  std::string Rule(const char* left, const char* middle, const char* right) const {
    std::string text = left;
    for (size_t i = 0; i < kColumns; ++i) {
      for (size_t dash = 0; dash < widths_[i] + 2; ++dash) text += "─";
      text += i + 1 < kColumns ? middle : right;
    }
    return text + "\n";
  }

  std::string Line(const Row& cells, char align) const {
    std::string text = "│";
    for (size_t i = 0; i < kColumns; ++i) {
      text += align == '^' ? fmt::format(" {:^{}} │", cells[i], widths_[i])
                           : fmt::format(" {:<{}} │", cells[i], widths_[i]);
    }
    return text + "\n";
  }

  std::vector<Row> lines_;
  std::array<size_t, kColumns> widths_{};
};

}  // namespace

std::string MigrationTable(const db::Schema& schema) {
  Table table;
  for (const db::MigrationState& state : schema.migrations) {
    table.Add({state.id, AppliedCell(state)});
  }
  return table.Draw({"MIGRATION", "APPLIED"});
}

}  // namespace praefect::cmd
