#pragma once

// Threads that each have one connection, and the queue in front of them: bounded in length, and in
// time by each transaction's deadline.

#include <functional>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "db/database.h"
#include "observe/mutex.h"

namespace praefect::db {

// What one thread of a pool works with.
class Connection {
 public:
  virtual ~Connection() = default;
  // Both connect first where that is needed, and count their statements. Blocking.
  virtual Outcome Run(const Transaction& transaction) = 0;
  virtual Outcome RunSteps(const Steps& steps, const Patience& patience) = 0;
};

class Pool {
 public:
  // `counters` is borrowed.
  Pool(std::vector<std::unique_ptr<Connection>> connections, size_t max_waiting,
       Counters& counters);
  ~Pool();  // refuses what waits, lets what runs end
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void Run(Transaction transaction, Database::Done done);
  void RunSteps(Steps steps, Patience patience, Database::Done done);

 private:
  struct Job {
    std::function<Outcome(Connection&)> work;
    Deadline begin_by;
    Database::Done done;
  };

  using Iterator = std::list<Job>::iterator;

  void Add(Job job);
  const char* Enqueue(Job& job);  // or why not; then the job is still there
  void Work(Connection& connection);
  void Expire();
  std::list<Job> TakeNext();                    // one; none when stopping
  std::optional<std::list<Job>> TakeExpired();  // waits for some; nothing when stopping
  std::list<Job> Take(Iterator begin, Iterator end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Deadline NextExpiry() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(Job& job, Outcome outcome);
  void Refuse(Job& job, const char* why);

  const std::vector<std::unique_ptr<Connection>> connections_;
  const size_t max_waiting_;
  Counters& counters_;

  observe::Mutex mutex_;
  observe::Condition work_;    // for the threads with connections
  observe::Condition expiry_;  // for the thread that watches deadlines
  std::list<Job> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::thread> threads_;  // last: they use everything above
};

}  // namespace praefect::db
