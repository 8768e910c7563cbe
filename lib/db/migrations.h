#pragma once

// The schema's history: sql/postgres and sql/sqlite, embedded. Each migration is applied in one
// transaction with its row in schema_migrations(id, applied_at), under an advisory lock, so that
// any number of processes may migrate at the same time.
//
// A migration is additive: programs that do not know it go on working. One that is not has
// "-- breaks older readers" as its first line; while it is applied, its id stands in
// schema_minimum_readers(id), and a program that does not know every id there refuses the schema.

#include <absl/status/status.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/database.h"

namespace praefect::db {

// Texts that live as long as the program.
struct Migration {
  std::string_view id;  // YYYYMMDDHHMMSS_name; later than upstream's last, 20260224025459
  std::string_view up;
  std::string_view down;
};

// Those of sql/, by id.
std::span<const Migration> EmbeddedMigrations(Engine engine);
// The oldest of PostgreSQL's, as it is applied to a database of the Go Praefect 18.9: that one's
// tables are set aside in the schema go_praefect, ours made and filled from them. Down brings them
// up to date and puts them back.
const Migration& EmbeddedAdoption();
// The 43 of the Go Praefect 18.9, by id.
std::span<const std::string_view> UpstreamMigrations();

// One migration that is applied, or that we have.
struct MigrationState {
  std::string id;
  std::string applied_at;  // "2026-11-22 03:06:32.961174 +0000 UTC"; empty: not applied
  bool ours = false;
  bool upstream = false;  // one of the Go Praefect's; neither: unknown
  bool operator==(const MigrationState&) const = default;
};

struct Schema {
  std::vector<MigrationState> migrations;    // by id; upstream's only when they are applied
  std::vector<std::string> unknown_minimum;  // minimum readers that we are not
};

enum class Understanding {
  kCurrent,
  kNewerAdditive,  // migrations that we do not know; usable, and worth a warning
  kTooOld,         // ours are missing: sql-migrate
  kTooNew,         // it names a minimum reader that we are not
  kUpstream,       // made by the Go Praefect 18.9, not taken over yet: sql-migrate
  kUpstreamOlder,  // made by an older Go Praefect: not to be touched
  kForeign,        // made by nobody we know: not to be touched
};
Understanding Judge(const Schema& schema);
// Holds everything of the Go Praefect 18.9: not taken over yet, or taken over.
bool IsUpstreams(const Schema& schema);

// What `serve` asks at start. OK: usable; `warning` then says what is newer, or is empty.
// FAILED_PRECONDITION otherwise: names the command that cures it.
absl::Status CheckSchema(const Schema& schema, std::string& warning);

class Migrator {
 public:
  // All are borrowed. Without an adoption, databases of the Go Praefect are refused.
  Migrator(Database& database, std::span<const Migration> migrations,
           const Migration* adoption = nullptr)
      : database_(database), migrations_(migrations), adoption_(adoption) {}
  explicit Migrator(Database& database)
      : Migrator(database, EmbeddedMigrations(database.engine()),
                 database.engine() == Engine::kPostgres ? &EmbeddedAdoption() : nullptr) {}

  // Changes nothing; a database without schema_migrations has none applied.
  std::optional<Error> Read(Deadline deadline, Schema& schema);
  // Ours that are not applied, oldest first.
  std::vector<Migration> Missing(const Schema& schema) const;
  // Ours that are applied, newest first.
  std::vector<Migration> Applied(const Schema& schema) const;

  // `changed` says whether it had still to be done: another process may have been quicker. The
  // deadline is for the database and for others who migrate or use the tables of a Go Praefect;
  // what has begun takes the time it needs. Up takes a Go Praefect's database over, and Down gives
  // it back, with the oldest of ours, and refuses from the newest on while a Praefect uses it; Up
  // refuses an older or foreign one.
  std::optional<Error> Up(const Migration& migration, Deadline deadline, bool& changed);
  std::optional<Error> Down(const Migration& migration, Deadline deadline, bool& changed);
  // Everything that is missing; an error for a schema that is neither ours nor empty.
  std::optional<Error> UpAll(Deadline deadline);

 private:
  enum class Direction { kUp, kDown };
  std::optional<Error> Change(const Migration& migration, Direction direction, Deadline deadline,
                              bool& changed);
  // The form that this database needs; asked under the lock.
  std::optional<Error> Choose(OpenTransaction& open, Direction direction, Deadline deadline,
                              Migration& migration) const;
  Migration FormFor(const Migration& migration, const Schema& schema) const;

  Database& database_;
  const std::span<const Migration> migrations_;
  const Migration* const adoption_;  // instead of the migration of this id; null: none
};

}  // namespace praefect::db
