#include "db/postgres_connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <utility>

#include "db/arguments.h"

namespace praefect::db {
namespace {

// A server that cancels at the deadline answers a little later.
constexpr std::chrono::milliseconds kGrace{500};
constexpr std::chrono::milliseconds kRollbackTimeout{5'000};
// For a process that stands still between two steps and holds locks.
constexpr int kIdleInTransactionMs = 30'000;

std::string Field(const PGresult* result, int code) {
  const char* value = PQresultErrorField(result, code);
  return value == nullptr ? "" : value;
}

std::string FirstLine(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

Layer LayerOf(std::string_view sqlstate) {
  if (sqlstate == "57014") return Layer::kTimeout;
  if (sqlstate == "25006") return Layer::kReadOnly;
  const std::string_view kind = sqlstate.substr(0, 2);
  const bool ended = kind == "08" || sqlstate.substr(0, 4) == "57P0";
  return sqlstate.empty() || ended ? Layer::kLost : Layer::kStatement;
}

Rows ToRows(const PGresult* result) {
  const int columns = PQnfields(result);
  const std::string affected = PQcmdTuples(const_cast<PGresult*>(result));
  Rows rows(columns, affected.empty() ? 0 : std::stoull(affected));
  for (int row = 0; row < PQntuples(result); ++row) {
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result, row, column)) {
        rows.Append(std::nullopt);
      } else {
        rows.Append(std::string(PQgetvalue(result, row, column),
                                static_cast<size_t>(PQgetlength(result, row, column))));
      }
    }
  }
  return rows;
}

// Keeps the arguments of one command in the form that libpq takes.
class Arguments {
 public:
  explicit Arguments(const std::vector<Parameter>* parameters) {
    if (parameters == nullptr) return;
    for (const Parameter& parameter : *parameters) texts_.push_back(ToPostgres(parameter));
    for (const PostgresArgument& argument : texts_) {
      types_.push_back(argument.type);
      values_.push_back(argument.text ? argument.text->c_str() : nullptr);
    }
  }

  int count() const { return static_cast<int>(values_.size()); }
  const Oid* types() const { return types_.data(); }
  const char* const* values() const { return values_.data(); }

 private:
  std::vector<PostgresArgument> texts_;
  std::vector<Oid> types_;
  std::vector<const char*> values_;
};

}  // namespace

PostgresConnection::PostgresConnection(PGconn* connected) : connection_(connected) {
  PQsetnonblocking(connection_, 1);
  PQenterPipelineMode(connection_);
  PQsetNoticeReceiver(connection_, &ReceiveNotice, this);
}

PostgresConnection::~PostgresConnection() { PQfinish(connection_); }

// A commit that waits for a synchronous standby and is cancelled is reported as done, with nothing
// but this warning. A server that ends an idle connection says so in the same way.
void PostgresConnection::ReceiveNotice(void* self, const PGresult* notice) {
  auto& connection = *static_cast<PostgresConnection*>(self);
  const std::string severity = Field(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity == "WARNING" && Field(notice, PG_DIAG_SQLSTATE) == "01000") {
    connection.unconfirmed_ = true;
  }
  if (severity == "FATAL" || severity == "PANIC") connection.broken_ = true;
}

bool PostgresConnection::Alive() {
  while (!broken_ && !retired_ && PQstatus(connection_) == CONNECTION_OK) {
    if (Poll(PQsocket(connection_), POLLIN, {}) == 0) return true;
    if (PQconsumeInput(connection_) == 0) return false;
    PQisBusy(connection_);  // reads what came: notices, notifications
  }
  return false;
}

std::vector<PostgresConnection::Command> PostgresConnection::Begin(Deadline deadline,
                                                                   const char* mode) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  const int64_t timeout_ms = std::clamp<int64_t>(left.count(), 1, INT32_MAX);
  return {{fmt::format("BEGIN ISOLATION LEVEL READ COMMITTED{}", mode)},
          {fmt::format("SET LOCAL statement_timeout = {}", timeout_ms)}};
}

void PostgresConnection::Append(std::vector<Command>& commands,
                                const std::vector<Statement>& statements) {
  for (const Statement& statement : statements) {
    commands.push_back({statement.sql.postgres, &statement.parameters});
  }
}

Outcome PostgresConnection::Run(const Transaction& transaction) {
  auto commands = Begin(transaction.deadline, transaction.read_only ? " READ ONLY" : "");
  const auto before = static_cast<std::ptrdiff_t>(commands.size());
  Append(commands, transaction.statements);
  commands.push_back({"COMMIT"});
  unconfirmed_ = false;
  Outcome outcome = Exchange(commands, transaction.deadline + kGrace);
  if (outcome.error) {
    outcome.error->may_be_applied = broken_ && !refused_ && !transaction.read_only;
    Rollback();
    return outcome;
  }
  if (unconfirmed_) {
    outcome.error = Error{Layer::kTimeout, "57014",
                          "commit: a synchronous standby did not confirm it in time", true};
  }
  outcome.results.erase(outcome.results.begin(), outcome.results.begin() + before);
  outcome.results.pop_back();
  return outcome;
}

Outcome PostgresConnection::Execute(const std::vector<Statement>& statements, Deadline deadline) {
  std::vector<Command> commands;
  if (!begun_) {
    commands = Begin(deadline, "");
    commands.push_back(
        {fmt::format("SET LOCAL idle_in_transaction_session_timeout = {}", kIdleInTransactionMs)});
  }
  const auto before = static_cast<std::ptrdiff_t>(commands.size());
  Append(commands, statements);
  begun_ = true;
  Outcome outcome = Exchange(commands, deadline + kGrace);
  if (outcome.ok()) {
    outcome.results.erase(outcome.results.begin(), outcome.results.begin() + before);
  }
  return outcome;
}

std::optional<Error> PostgresConnection::RunScript(const std::string& text, Deadline deadline) {
  if (!begun_) {
    if (Outcome outcome = Execute({}, deadline); outcome.error) return outcome.error;
  }
  // Several statements in one text are for the simple protocol only.
  Outcome outcome;
  const bool sent =
      PQexitPipelineMode(connection_) == 1 && PQsendQuery(connection_, text.c_str()) == 1;
  if (!sent) Break(Layer::kLost, PQerrorMessage(connection_), outcome);
  if (sent) Collect(deadline + kGrace, outcome);
  if (!broken_) PQenterPipelineMode(connection_);
  return outcome.error;
}

std::optional<Error> PostgresConnection::Commit(Deadline deadline) {
  if (!begun_) return std::nullopt;
  unconfirmed_ = false;
  Outcome outcome = Exchange({{"COMMIT"}}, deadline + kGrace);
  begun_ = false;
  if (outcome.error) {
    outcome.error->may_be_applied = broken_ && !refused_;
  } else if (unconfirmed_) {
    outcome.error = Error{Layer::kTimeout, "57014",
                          "commit: a synchronous standby did not confirm it in time", true};
  }
  return outcome.error;
}

void PostgresConnection::Rollback() {
  begun_ = false;
  if (broken_ || PQtransactionStatus(connection_) == PQTRANS_IDLE) return;
  const Refusal kept = refusal_;
  Exchange({{"ROLLBACK"}}, After(kRollbackTimeout));
  refusal_ = kept;
}

Outcome PostgresConnection::RunAlone(const std::string& text, Deadline deadline) {
  return Exchange({{text}}, deadline);
}

std::optional<Notification> PostgresConnection::WaitForNotification(Deadline deadline,
                                                                    const StopSignal& stop) {
  while (Alive()) {
    if (PGnotify* notify = PQnotifies(connection_)) {
      Notification notification{notify->relname, notify->extra};
      PQfreemem(notify);
      return notification;
    }
    if (Poll(PQsocket(connection_), POLLIN, deadline, stop.fd()) == 0) break;
  }
  return std::nullopt;
}

Outcome PostgresConnection::Exchange(const std::vector<Command>& commands, Deadline deadline) {
  Outcome outcome;
  refused_ = false;
  if (!Send(commands)) {
    Break(Layer::kLost, PQerrorMessage(connection_), outcome);
    return outcome;
  }
  for (size_t i = 0; i < commands.size() && !broken_; ++i) Collect(deadline, outcome);
  if (!broken_) Collect(deadline, outcome);  // the answer to Sync
  if (outcome.error) outcome.results.clear();
  return outcome;
}

bool PostgresConnection::Send(const std::vector<Command>& commands) {
  for (const Command& command : commands) {
    const Arguments arguments(command.parameters);
    if (PQsendQueryParams(connection_, command.text.c_str(), arguments.count(), arguments.types(),
                          arguments.values(), nullptr, nullptr, 0) != 1) {
      return false;
    }
  }
  return PQpipelineSync(connection_) == 1;
}

// A connection that breaks is not busy any more: PQgetResult then says why.
bool PostgresConnection::AwaitResult(Deadline deadline) {
  for (;;) {
    const bool unsent = PQflush(connection_) > 0;
    if (PQisBusy(connection_) == 0) return true;
    const short events = static_cast<short>(POLLIN | (unsent ? POLLOUT : 0));
    const short came = Poll(PQsocket(connection_), events, deadline);
    if (came == 0) return false;
    if ((came & ~POLLOUT) != 0) PQconsumeInput(connection_);
  }
}

void PostgresConnection::Collect(Deadline deadline, Outcome& outcome) {
  for (;;) {
    if (!AwaitResult(deadline)) {
      return Break(Layer::kTimeout, "no answer within the time limit", outcome);
    }
    const Result result(PQgetResult(connection_), &PQclear);
    if (!result) return;
    if (PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC) return;
    Take(result.get(), outcome);
    if (broken_) return;
  }
}

void PostgresConnection::Take(const PGresult* result, Outcome& outcome) {
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_PIPELINE_ABORTED) return;
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
    outcome.results.push_back(ToRows(result));
    return;
  }
  refusal_ = {Field(result, PG_DIAG_SEVERITY_NONLOCALIZED), Field(result, PG_DIAG_SQLSTATE),
              Field(result, PG_DIAG_MESSAGE_PRIMARY)};
  if (refusal_.message.empty()) refusal_.message = FirstLine(PQresultErrorMessage(result));
  refused_ = refused_ || refusal_.severity == "ERROR";
  if (refusal_.severity != "ERROR") broken_ = true;
  const Layer layer = LayerOf(refusal_.sqlstate);
  // Another server takes the writes now: the next transaction looks for it.
  if (layer == Layer::kReadOnly) retired_ = true;
  if (outcome.error) return;
  outcome.error = Error{layer, refusal_.sqlstate,
                        fmt::format("run a transaction in PostgreSQL: {}{}{}", refusal_.sqlstate,
                                    refusal_.sqlstate.empty() ? "" : ": ", refusal_.message)};
}

void PostgresConnection::Break(Layer layer, std::string cause, Outcome& outcome) {
  broken_ = true;
  refusal_ = {"", "", FirstLine(cause)};
  if (outcome.error) return;
  outcome.error =
      Error{layer, "", fmt::format("run a transaction in PostgreSQL: {}", refusal_.message)};
}

}  // namespace praefect::db
