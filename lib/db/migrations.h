#pragma once

// The schema's history: sql/postgres and sql/sqlite, embedded. Each migration is applied in one
// transaction with its row in schema_migrations(id, applied_at), under an advisory lock, so that
// any number of processes may migrate at the same time.
//
// A migration is additive: programs that do not know it go on working. One that is not has
// "-- breaks older readers" as its first line; while it is applied, its id stands in
// schema_minimum_readers(id), and a program that does not know every id there refuses the schema.

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/database.h"

namespace praefect::db {

struct Migration {
  std::string_view id;  // YYYYMMDDHHMMSS_name; later than upstream's last, 20260224025459
  std::string_view up;
  std::string_view down;
};

// Those of sql/, in the order of their ids.
std::span<const Migration> EmbeddedMigrations(Engine engine);

// One row of schema_migrations against what is embedded.
struct MigrationState {
  std::string id;
  bool known = false;      // to this program
  std::string applied_at;  // "2026-11-22 03:06:32.961174 +0000 UTC"; empty: not applied
};

struct SchemaState {
  std::vector<MigrationState> migrations;    // known or applied, by id
  std::vector<std::string> minimum_readers;  // that this program does not know
};

// What `schema` means for a program that knows `known`.
enum class Understanding {
  kUnderstood,
  kNewerAdditive,  // unknown additive migrations: usable, to be warned of
  kTooOld,         // run sql-migrate
  kTooNew,         // names a minimum reader that we are not: upgrade Praefect
};
Understanding Judge(const SchemaState& schema);

class Migrator {
 public:
  Migrator(Database& database, std::span<const Migration> migrations)
      : database_(database), migrations_(migrations) {}

  // Reads only; a database without schema_migrations has none applied.
  std::optional<Error> Read(Deadline deadline, SchemaState& state);

  struct Progress {
    std::function<void(const Migration&)> begin;
    std::function<void(const Migration&, std::chrono::nanoseconds, bool applied)> end;
  };
  // Applies what is missing, oldest first, and stops at the first error: what was applied stays.
  // The deadline is for reaching the database and for waiting for others who migrate; a migration
  // that has begun takes the time it needs.
  std::optional<Error> Up(Deadline deadline, const Progress& progress);
  // Undoes one.
  std::optional<Error> Down(std::string_view id, Deadline deadline);

 private:
  Database& database_;
  const std::span<const Migration> migrations_;
};

}  // namespace praefect::db
