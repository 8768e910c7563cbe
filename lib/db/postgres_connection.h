#pragma once

// One connection to PostgreSQL. Used by one thread at a time; every wait has a deadline.

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "db/database.h"
#include "db/stop_signal.h"

namespace praefect::db {

struct Notification {
  std::string channel;
  std::string payload;
};

class PostgresConnection {
 public:
  // What PostgreSQL said about a command that failed.
  struct Refusal {
    std::string severity;  // "ERROR", "FATAL"; empty: libpq's own words
    std::string sqlstate;
    std::string message;  // one line
  };

  // `connected` is one that PQconnectPoll brought up; it is closed with this object.
  explicit PostgresConnection(PGconn* connected);
  ~PostgresConnection();
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  const PGconn* connection() const { return connection_; }
  // False once it broke, as far as that can be known without asking the server.
  bool Alive();

  // BEGIN, the statements and COMMIT in one round trip.
  Outcome Run(const Transaction& transaction);

  // The same in several: BEGIN goes out with the first of them. After an error only Rollback.
  Outcome Execute(const std::vector<Statement>& statements, Deadline deadline);
  std::optional<Error> RunScript(const std::string& text, Deadline deadline);
  std::optional<Error> Commit(Deadline deadline);
  void Rollback();

  // One statement outside of a transaction: LISTEN, or a question to a new connection.
  Outcome RunAlone(const std::string& text, Deadline deadline);
  // Why the last command failed.
  const Refusal& refusal() const { return refusal_; }
  // The next notification; nothing when the deadline passed, `stop` was given, or it broke (Alive).
  std::optional<Notification> WaitForNotification(Deadline deadline, const StopSignal& stop);

 private:
  struct Command {
    std::string text;
    const std::vector<Parameter>* parameters = nullptr;
  };
  using Result = std::unique_ptr<PGresult, void (*)(PGresult*)>;

  static void ReceiveNotice(void* self, const PGresult* notice);
  static std::vector<Command> Begin(Deadline deadline, const char* mode);
  static void Append(std::vector<Command>& commands, const std::vector<Statement>& statements);

  // Sends all and reads their results. After an error that the server survived, `broken_` is false.
  Outcome Exchange(const std::vector<Command>& commands, Deadline deadline);
  bool Send(const std::vector<Command>& commands);
  // False when the deadline passed.
  bool AwaitResult(Deadline deadline);
  // Reads the results of one command, and of all that follow when there is no answer any more.
  void Collect(Deadline deadline, Outcome& outcome);
  void Take(const PGresult* result, Outcome& outcome);
  void Break(Layer layer, std::string cause, Outcome& outcome);

  PGconn* const connection_;
  Refusal refusal_;
  bool begun_ = false;        // a transaction is open
  bool broken_ = false;       // replies are outstanding for ever: not to be used again
  bool retired_ = false;      // works, but should be replaced
  bool refused_ = false;      // the server rolled the transaction back
  bool unconfirmed_ = false;  // a commit whose standby did not answer in time
};

}  // namespace praefect::db
