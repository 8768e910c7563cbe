#pragma once

// A database of each kind, and verbs for what tests do with one.

#include <catch2/catch.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "db/database.h"
#include "db/postgres.h"
#include "db/sqlite.h"
#include "observe/log.h"
#include "support/postgres_server.h"
#include "support/process.h"

namespace praefect::db {

// Remembers what was logged.
class LogOfTest final : public observe::Logger {
 public:
  bool Enabled(observe::Level) const override { return true; }
  void Write(observe::Level, std::string_view message,
             std::span<const observe::Field> fields) override;
  std::string text() const;
  bool Has(std::string_view words) const { return text().find(words) != std::string::npos; }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

// Started at the first use, for the whole program.
test::PostgresServer& SharedServer();
test::PgBouncer& SharedPgBouncer();  // pools transactions of SharedServer

enum class Kind { kPostgres, kPgBouncer, kSqlite };

inline Deadline Soon() { return After(std::chrono::seconds(20)); }

// A database that nobody else uses.
class DatabaseFixture {
 public:
  explicit DatabaseFixture(Kind kind = Kind::kPostgres);
  // An own one of `server`.
  explicit DatabaseFixture(test::PostgresServer& server);

  // Runs one statement as a transaction of its own.
  Outcome Run(Sql sql, std::vector<Parameter> parameters = {});
  // The first cell of what a statement returns; fails the test when it fails.
  std::string Value(Sql sql, std::vector<Parameter> parameters = {});
  Outcome RunSteps(Steps steps) { return database->WaitSteps(std::move(steps), Soon()); }
  // Opens PostgreSQL again with these.
  void Reopen(PostgresOptions options);
  const Counters& counters() const { return database->counters(); }

  test::TemporaryDirectory directory;
  LogOfTest log;
  PostgresOptions options;
  std::unique_ptr<Database> database;
};

}  // namespace praefect::db
