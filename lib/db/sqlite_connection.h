#pragma once

// One connection to the embedded store. Used by one thread at a time.

#include <sqlite3.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/pool.h"

namespace praefect::db {

class SqliteConnection final : public Connection, private OpenTransaction {
 public:
  enum class Use { kRead, kWrite };

  // `counters` is borrowed. Opens nothing yet.
  SqliteConnection(Use use, Counters& counters);
  ~SqliteConnection() override;

  // The file must be there and be locked by us (SqliteFile).
  std::optional<Error> Open(const std::string& path);
  // Statements that are no transactions: pragmas. The first column of the first row; empty for
  // none.
  std::optional<Error> Ask(const std::string& text, Deadline deadline, std::string& answer);
  // From here on the write-ahead log is folded into the file when the connection is closed.
  void Accept();

  Outcome Run(const Transaction& transaction) override;
  Outcome RunSteps(const Steps& steps, const Patience& patience) override;

 private:
  using Prepared = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

  // OpenTransaction
  Engine engine() const override { return Engine::kSqlite; }
  Outcome Execute(const std::vector<Statement>& statements) override;
  std::optional<Error> RunScript(const std::string& text) override;

  std::optional<Error> Begin(Deadline deadline);
  std::optional<Error> Commit();
  void Rollback();
  std::optional<Error> Simple(const char* text);
  std::optional<Error> RunOne(const Statement& statement, Outcome& outcome);
  std::optional<Error> Prepare(const char* text, sqlite3_stmt*& prepared);
  std::optional<Error> ErrorOf(int code, const char* attempt);
  static int Busy(void* self, int count);
  static int Progress(void* self);

  const Use use_;
  Counters& counters_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, Prepared> prepared_;  // by text
  Deadline deadline_;
  std::optional<Error> error_;  // the first of the transaction that is open
};

}  // namespace praefect::db
