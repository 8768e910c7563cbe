#pragma once

// A database of each kind, and verbs for what tests do with one.

#include <catch2/catch.hpp>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "db/database.h"
#include "db/postgres.h"
#include "observe/log.h"
#include "support/postgres_server.h"

namespace praefect::db {

// Remembers what was logged.
class LogOfTest final : public observe::Logger {
 public:
  bool Enabled(observe::Level) const override { return true; }
  void Write(observe::Level, std::string_view message,
             std::span<const observe::Field> fields) override;
  std::string text() const;

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

// Started at the first use, for the whole program.
test::PostgresServer& SharedServer();

// A database of PostgreSQL's that nobody else uses.
class PostgresFixture {
 public:
  explicit PostgresFixture(test::PostgresServer& server = SharedServer());

  // Runs one statement as a transaction of its own.
  Outcome Run(const char* sql, std::vector<Parameter> parameters = {});
  // The first cell of the only statement; fails the test when there is none.
  std::string Value(const char* sql, std::vector<Parameter> parameters = {});
  Outcome Steps(db::Steps steps) { return database->WaitSteps(std::move(steps), Soon()); }
  // Opens it again, with other options.
  void Open(PostgresOptions options);

  static Deadline Soon() { return After(std::chrono::seconds(20)); }

  test::PostgresServer& server;
  const std::string name;
  LogOfTest log;
  PostgresOptions options;
  std::unique_ptr<Database> database;
};

}  // namespace praefect::db
