#pragma once

// What is sent to a database: SQL text for either engine and values apart from it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace praefect::db {

enum class Engine { kPostgres, kSqlite };

struct Null {
  bool operator==(const Null&) const = default;
};

// A batch is one statement with one array for each column. PostgreSQL gets arrays (bigint[],
// text[], boolean[]), read with `unnest($1, $2)`; SQLite gets JSON, read with `json_each($1) AS a
// JOIN json_each($2) AS b USING (key)` as `a.value, b.value` (booleans are 0, 1).
using Integers = std::vector<std::optional<int64_t>>;
using Texts = std::vector<std::optional<std::string>>;
using Booleans = std::vector<std::optional<bool>>;

// Text is UTF-8 without NUL: anything else is refused before the statement is sent.
using Parameter = std::variant<Null, bool, int64_t, double, std::string, Integers, Texts, Booleans>;

// Null for an empty optional.
template <class T>
Parameter OrNull(const std::optional<T>& value) {
  return value ? Parameter(*value) : Parameter(Null());
}

// The same statement in the words of each engine; parameters are $1, $2, ... in both. PostgreSQL is
// told the types int8, bool, float8, text and their arrays, and nothing for a null (write a cast).
struct Sql {
  constexpr Sql(const char* both) : postgres(both), sqlite(both) {}
  constexpr Sql(const char* postgres, const char* sqlite) : postgres(postgres), sqlite(sqlite) {}
  constexpr const char* For(Engine engine) const {
    return engine == Engine::kPostgres ? postgres : sqlite;
  }

  const char* postgres;
  const char* sqlite;
};

struct Statement {
  Sql sql;  // constants: the text is borrowed until the statement has run
  std::vector<Parameter> parameters;
};

}  // namespace praefect::db
