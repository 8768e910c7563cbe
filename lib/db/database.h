#pragma once

// One interface over PostgreSQL (postgres.h) and the embedded store (sqlite.h).

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "db/error.h"
#include "db/rows.h"
#include "db/statement.h"
#include "observe/family.h"

namespace praefect::db {

using Deadline = std::chrono::steady_clock::time_point;

inline Deadline After(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// Statements that are sent together, with BEGIN, SET LOCAL statement_timeout and COMMIT around them
// in the same round trip. All or none of them apply. READ COMMITTED: each has its own snapshot.
struct Transaction {
  std::vector<Statement> statements;
  Deadline deadline;       // for the queue, connecting, and the database's work together
  bool read_only = false;  // the embedded store reads beside a write that is under way
};

struct Outcome {
  std::optional<Error> error;
  std::vector<Rows> results;  // one for each statement, in order; empty after an error

  bool ok() const { return !error; }
};

// A transaction that decides between its statements, at the price of a round trip for each Execute.
// Lives while its steps run, on one thread.
class OpenTransaction {
 public:
  virtual ~OpenTransaction() = default;
  virtual Engine engine() const = 0;
  // In one round trip. After an error nothing more can be executed.
  virtual Outcome Execute(const std::vector<Statement>& statements) = 0;
  Outcome Execute(Statement statement) { return Execute(std::vector{std::move(statement)}); }
  // Several statements in one text, without parameters and results: a migration.
  virtual std::optional<Error> RunScript(const std::string& text) = 0;
};

// Returns an error to roll back, nothing to commit. Must be bounded; calls no node.
using Steps = std::function<std::optional<Error>(OpenTransaction&)>;

// How long steps may take; one deadline may stand for both.
struct Patience {
  Patience(Deadline deadline) : begin_by(deadline), end_by(deadline) {}
  Patience(Deadline begin_by, Deadline end_by) : begin_by(begin_by), end_by(end_by) {}

  Deadline begin_by;  // in the queue and connecting
  Deadline end_by;
};

// Counted since the start. BEGIN, SET LOCAL, COMMIT, ROLLBACK and what a new connection asks are
// not statements.
struct Counters {
  std::atomic<uint64_t> statements{0};
  std::atomic<uint64_t> committed{0};     // transactions
  std::atomic<uint64_t> failed{0};        // that left nothing behind
  std::atomic<uint64_t> unknown{0};       // that may be applied: Error::may_be_applied
  std::atomic<uint64_t> pool_full{0};     // refused: max_waiting transactions wait already
  std::atomic<uint64_t> pool_expired{0};  // whose deadline passed before they had a connection
  std::atomic<uint64_t> connects{0};
  std::atomic<uint64_t> failed_connects{0};
  std::atomic<uint64_t> lost_connections{0};
  std::atomic<uint64_t> idle_closed{0};  // connections that nobody used for max_idle
  std::atomic<int64_t> waiting{0};       // now
  std::atomic<int64_t> connections{0};   // now
  std::atomic<int64_t> busy{0};          // of these, now
  // Seconds of each transaction that got a connection, without its wait for one.
  observe::Histogram seconds{{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                              0.25, 0.5, 1, 2.5, 5, 10}};
};

// Thread-safe. Nothing here blocks but Wait and the destructor.
class Database {
 public:
  // Called exactly once, on a thread of the database, or inside of Run when it is refused at once:
  // it must not block, and hands on what takes time (EventLoop::Post).
  using Done = std::function<void(Outcome)>;

  // Refuses what waits, and returns when what runs has ended.
  virtual ~Database() = default;

  virtual Engine engine() const = 0;
  virtual void Run(Transaction transaction, Done done) = 0;
  // `steps` is called once, or not at all when there is no connection; the outcome has no results.
  virtual void RunSteps(Steps steps, Patience patience, Done done) = 0;

  // For commands, threads of our own and tests; never on an event loop.
  Outcome Wait(Transaction transaction);
  Outcome WaitSteps(Steps steps, Patience patience);

  const Counters& counters() const { return counters_; }

 protected:
  Counters counters_;
};

}  // namespace praefect::db
