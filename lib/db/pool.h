#pragma once

// Threads that each have one connection, and the queue in front of them: bounded in length, and in
// time by each transaction's deadline. The connection that was used last is used next, so that few
// are needed when there is little to do; those that nobody used for a while rest.

#include <chrono>
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
  // Nobody used it for max_idle: lets go of what it holds, until it is used again.
  virtual void Rest() {}
};

class Pool {
 public:
  // `counters` is borrowed.
  Pool(std::vector<std::unique_ptr<Connection>> connections, size_t max_waiting,
       std::chrono::milliseconds max_idle, Counters& counters);
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

  // A thread with its connection. `wake` is waited for with the pool's mutex.
  struct Worker {
    std::unique_ptr<Connection> connection;
    observe::Condition wake;
    bool rests = true;  // of its thread: the connection was not used since Rest
  };

  using Iterator = std::list<Job>::iterator;

  void Add(Job job);
  const char* Enqueue(Job& job);  // or why not; then the job is still there
  void Work(Worker& worker);
  void Expire();
  void BeginAnswer();
  // One, or none when it is time to rest, or to stop.
  std::list<Job> TakeNext(Worker& worker, bool& stops);
  std::optional<std::list<Job>> TakeExpired();  // waits for some; nothing when stopping
  std::list<Job> Take(Iterator begin, Iterator end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Deadline NextExpiry() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(Job& job, Outcome outcome);
  void Refuse(Job& job, const char* why);

  std::list<Worker> workers_;  // constant after construction
  const size_t max_waiting_;
  const std::chrono::milliseconds max_idle_;
  Counters& counters_;

  observe::Mutex mutex_;
  std::vector<Worker*> idle_ ABSL_GUARDED_BY(mutex_);  // that wait for work; the last one is next
  observe::Condition expiry_;                          // for the thread that watches deadlines
  std::list<Job> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t answering_ ABSL_GUARDED_BY(mutex_) = 0;  // threads that have worked and tell the outcome
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::thread> threads_;  // last: they use everything above
};

}  // namespace praefect::db
