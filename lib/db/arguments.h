#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/error.h"
#include "db/statement.h"

namespace praefect::db {

// Refuses text that is not UTF-8 or has a NUL in it, which databases treat each in their own way.
std::optional<Error> CheckArguments(const std::vector<Statement>& statements);

// The value as PostgreSQL's input functions read it; nothing for a null. `type` is the type's oid,
// 0 for a null.
struct PostgresArgument {
  std::optional<std::string> text;
  unsigned type = 0;
};
PostgresArgument ToPostgres(const Parameter& parameter);

// An array as JSON: what SQLite's json_each reads.
std::string ToJson(const Integers& values);
std::string ToJson(const Texts& values);
std::string ToJson(const Booleans& values);

}  // namespace praefect::db
