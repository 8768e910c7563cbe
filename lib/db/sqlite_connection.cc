#include "db/sqlite_connection.h"

#include <fmt/format.h>

#include <thread>
#include <utility>

#include "db/arguments.h"

namespace praefect::db {
namespace {

constexpr size_t kMaxPrepared = 256;
constexpr int kStepsBetweenLooks = 10'000;  // of SQLite's machine: a millisecond or less
constexpr std::chrono::milliseconds kBusyPause{5};

struct Code {
  int code;  // SQLite's, extended where it matters
  const char* sqlstate;
  Layer layer;
};

constexpr Code kCodes[] = {
    {SQLITE_CONSTRAINT_UNIQUE, "23505", Layer::kStatement},
    {SQLITE_CONSTRAINT_PRIMARYKEY, "23505", Layer::kStatement},
    {SQLITE_CONSTRAINT_ROWID, "23505", Layer::kStatement},
    {SQLITE_CONSTRAINT_FOREIGNKEY, "23503", Layer::kStatement},
    {SQLITE_CONSTRAINT_NOTNULL, "23502", Layer::kStatement},
    {SQLITE_CONSTRAINT_CHECK, "23514", Layer::kStatement},
    {SQLITE_CONSTRAINT, "23000", Layer::kStatement},
    {SQLITE_INTERRUPT, "57014", Layer::kTimeout},
    {SQLITE_BUSY, "55P03", Layer::kFile},
    {SQLITE_LOCKED, "55P03", Layer::kFile},
    {SQLITE_FULL, "53100", Layer::kFile},
    {SQLITE_READONLY, "25006", Layer::kReadOnly},
    {SQLITE_CORRUPT, "XX001", Layer::kFile},
    {SQLITE_NOTADB, "XX001", Layer::kFile},
    {SQLITE_IOERR, "58030", Layer::kFile},
    {SQLITE_CANTOPEN, "58030", Layer::kFile},
    {SQLITE_NOMEM, "53200", Layer::kFile},
};

Code CodeOf(int extended) {
  for (const Code& code : kCodes) {
    if (code.code == extended || code.code == (extended & 0xff)) return code;
  }
  return {extended, "", Layer::kStatement};
}

struct Bind {
  sqlite3_stmt* statement;
  int index;

  int operator()(Null) const { return sqlite3_bind_null(statement, index); }
  int operator()(bool value) const { return sqlite3_bind_int(statement, index, value ? 1 : 0); }
  int operator()(int64_t value) const { return sqlite3_bind_int64(statement, index, value); }
  int operator()(double value) const { return sqlite3_bind_double(statement, index, value); }
  int operator()(const std::string& value) const {
    return sqlite3_bind_text64(statement, index, value.data(), value.size(), SQLITE_TRANSIENT,
                               SQLITE_UTF8);
  }
  template <class Values>
  int operator()(const Values& values) const {
    return (*this)(ToJson(values));
  }
};

int BindAll(sqlite3_stmt* statement, const std::vector<Parameter>& parameters) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string name = fmt::format("${}", i + 1);
    const int index = sqlite3_bind_parameter_index(statement, name.c_str());
    if (index == 0) continue;  // one that only the other engine's text needs
    const int code = std::visit(Bind{statement, index}, parameters[i]);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

void AppendRow(sqlite3_stmt* statement, int columns, Rows& rows) {
  for (int column = 0; column < columns; ++column) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
    if (text == nullptr) {
      rows.Append(std::nullopt);
    } else {
      rows.Append(std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement, column))));
    }
  }
}

}  // namespace

SqliteConnection::SqliteConnection(Use use, Counters& counters) : use_(use), counters_(counters) {}

SqliteConnection::~SqliteConnection() {
  prepared_.clear();
  if (handle_ == nullptr) return;
  sqlite3_close(handle_);
  --counters_.connections;
}

std::optional<Error> SqliteConnection::Open(const std::string& path) {
  const int code =
      sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  ++counters_.connects;
  ++counters_.connections;
  if (code != SQLITE_OK) return ErrorOf(code, "open");
  sqlite3_extended_result_codes(handle_, 1);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_busy_handler(handle_, &Busy, this);
  sqlite3_progress_handler(handle_, kStepsBetweenLooks, &Progress, this);
  return std::nullopt;
}

void SqliteConnection::Accept() {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
}

int SqliteConnection::Busy(void* self, int) {
  const auto& connection = *static_cast<const SqliteConnection*>(self);
  if (After(kBusyPause) >= connection.deadline_) return 0;
  std::this_thread::sleep_for(kBusyPause);
  return 1;
}

int SqliteConnection::Progress(void* self) {
  const auto& connection = *static_cast<const SqliteConnection*>(self);
  return std::chrono::steady_clock::now() > connection.deadline_ ? 1 : 0;
}

std::optional<Error> SqliteConnection::Ask(const std::string& text, Deadline deadline,
                                           std::string& answer) {
  deadline_ = deadline;
  sqlite3_stmt* statement = nullptr;
  if (auto error = Prepare(text.c_str(), statement)) return error;
  const int code = sqlite3_step(statement);
  answer.clear();
  if (code == SQLITE_ROW) {
    const auto* cell = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    answer = cell == nullptr ? "" : cell;
  }
  auto error = code == SQLITE_ROW || code == SQLITE_DONE ? std::nullopt : ErrorOf(code, "read");
  sqlite3_reset(statement);
  return error;
}

Outcome SqliteConnection::Run(const Transaction& transaction) {
  Outcome outcome;
  if ((outcome.error = Begin(transaction.deadline))) return outcome;
  outcome = Execute(transaction.statements);
  if (outcome.ok()) outcome.error = Commit();
  if (!outcome.ok()) {
    Rollback();
    outcome.results.clear();
  }
  return outcome;
}

Outcome SqliteConnection::RunSteps(const Steps& steps, const Patience& patience) {
  if (auto error = Begin(patience.end_by)) return {std::move(error), {}};
  std::optional<Error> error = steps(*this);
  if (!error) error = error_;  // whatever the steps made of it
  if (!error) error = Commit();
  if (error) Rollback();
  return {std::move(error), {}};
}

Outcome SqliteConnection::Execute(const std::vector<Statement>& statements) {
  if (!error_) error_ = CheckArguments(statements);
  Outcome outcome;
  for (const Statement& statement : statements) {
    if (error_) break;
    ++counters_.statements;
    error_ = RunOne(statement, outcome);
  }
  outcome.error = error_;
  if (error_) outcome.results.clear();
  return outcome;
}

std::optional<Error> SqliteConnection::RunScript(const std::string& text) {
  if (!error_) error_ = Simple(text.c_str());
  return error_;
}

std::optional<Error> SqliteConnection::Begin(Deadline deadline) {
  deadline_ = deadline;
  error_.reset();
  return Simple(use_ == Use::kRead ? "BEGIN" : "BEGIN IMMEDIATE");
}

// A log that could not be flushed may have the commit in it all the same.
std::optional<Error> SqliteConnection::Commit() {
  auto error = Simple("COMMIT");
  if (error) error->may_be_applied = use_ == Use::kWrite && error->sqlstate == "58030";
  return error;
}

void SqliteConnection::Rollback() {
  deadline_ = Deadline::max();
  if (sqlite3_get_autocommit(handle_) == 0) Simple("ROLLBACK");
}

std::optional<Error> SqliteConnection::Simple(const char* text) {
  const int code = sqlite3_exec(handle_, text, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? std::nullopt : ErrorOf(code, "run a transaction in");
}

std::optional<Error> SqliteConnection::RunOne(const Statement& statement, Outcome& outcome) {
  sqlite3_stmt* prepared = nullptr;
  if (auto error = Prepare(statement.sql.sqlite, prepared)) return error;
  int code = BindAll(prepared, statement.parameters);
  if (code == SQLITE_OK) code = SQLITE_ROW;
  const int columns = sqlite3_column_count(prepared);
  Rows rows(static_cast<size_t>(columns));
  while (code == SQLITE_ROW) {
    code = sqlite3_step(prepared);
    if (code == SQLITE_ROW) AppendRow(prepared, columns, rows);
  }
  auto error = code == SQLITE_DONE ? std::nullopt : ErrorOf(code, "run a transaction in");
  if (sqlite3_stmt_readonly(prepared) == 0) {
    rows.SetAffected(static_cast<uint64_t>(sqlite3_changes64(handle_)));
  }
  sqlite3_reset(prepared);
  sqlite3_clear_bindings(prepared);
  outcome.results.push_back(std::move(rows));
  return error;
}

std::optional<Error> SqliteConnection::Prepare(const char* text, sqlite3_stmt*& prepared) {
  if (const auto found = prepared_.find(text); found != prepared_.end()) {
    prepared = found->second.get();
    return std::nullopt;
  }
  if (prepared_.size() >= kMaxPrepared) prepared_.clear();
  const int code =
      sqlite3_prepare_v3(handle_, text, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) return ErrorOf(code, "run a transaction in");
  prepared_.emplace(text, Prepared(prepared, &sqlite3_finalize));
  return std::nullopt;
}

std::optional<Error> SqliteConnection::ErrorOf(int code, const char* attempt) {
  const Code meaning = CodeOf(handle_ == nullptr ? code : sqlite3_extended_errcode(handle_));
  Error error;
  error.layer = meaning.layer;
  error.sqlstate = meaning.sqlstate;
  error.message = fmt::format("{} the embedded store: {}{}", attempt,
                              handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_),
                              error.sqlstate == "53100" ? "; make room on its disk" : "");
  return error;
}

}  // namespace praefect::db
