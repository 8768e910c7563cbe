#include "db/pool.h"

#include <algorithm>
#include <utility>

#include "db/arguments.h"
#include "observe/thread.h"

namespace praefect::db {
namespace {

constexpr char kStopping[] = "use the database: Praefect is stopping";
constexpr char kFull[] = "use the database: too many transactions wait for a connection already";
constexpr char kExpired[] = "use the database: no connection became free in time";

Error PoolError(const char* why) {
  Error error;
  error.layer = Layer::kPool;
  error.message = why;
  return error;
}

}  // namespace

Pool::Pool(std::vector<std::unique_ptr<Connection>> connections, size_t max_waiting,
           std::chrono::milliseconds max_idle, Counters& counters)
    : max_waiting_(max_waiting), max_idle_(max_idle), counters_(counters) {
  for (auto& connection : connections) workers_.emplace_back().connection = std::move(connection);
  for (Worker& worker : workers_) {
    threads_.push_back(observe::StartThread("db", [this, &worker] { Work(worker); }));
  }
  threads_.push_back(observe::StartThread("db-expire", [this] { Expire(); }));
}

Pool::~Pool() {
  std::list<Job> refused;
  {
    observe::MutexLock lock(mutex_);
    stopping_ = true;
    refused = Take(waiting_.begin(), waiting_.end());
    for (Worker& worker : workers_) worker.wake.NotifyOne();
    expiry_.NotifyAll();
  }
  for (Job& job : refused) Refuse(job, kStopping);
  for (std::thread& thread : threads_) thread.join();
}

void Pool::Run(Transaction transaction, Database::Done done) {
  if (auto error = CheckArguments(transaction.statements)) {
    ++counters_.failed;
    return done({std::move(error), {}});
  }
  const Deadline begin_by = transaction.deadline;
  // std::function copies what it holds.
  auto shared = std::make_shared<const Transaction>(std::move(transaction));
  Add({[shared](Connection& connection) { return connection.Run(*shared); }, begin_by,
       std::move(done)});
}

void Pool::RunSteps(Steps steps, Patience patience, Database::Done done) {
  auto work = [steps = std::move(steps), patience](Connection& connection) {
    return connection.RunSteps(steps, patience);
  };
  Add({std::move(work), patience.begin_by, std::move(done)});
}

void Pool::Add(Job job) {
  const char* refusal = Enqueue(job);
  if (refusal != nullptr) Refuse(job, refusal);
}

const char* Pool::Enqueue(Job& job) {
  observe::MutexLock lock(mutex_);
  if (stopping_) return kStopping;
  if (waiting_.size() >= max_waiting_) {
    ++counters_.pool_full;
    return kFull;
  }
  const bool first_to_expire = job.begin_by < NextExpiry();
  waiting_.push_back(std::move(job));
  ++counters_.waiting;
  // Who is just answering looks for work next, with a connection that is warm.
  if (waiting_.size() > answering_ && !idle_.empty()) {
    idle_.back()->wake.NotifyOne();
    idle_.pop_back();
  }
  if (first_to_expire) expiry_.NotifyOne();
  return nullptr;
}

std::list<Pool::Job> Pool::Take(Iterator begin, Iterator end) {
  std::list<Job> taken;
  taken.splice(taken.begin(), waiting_, begin, end);
  counters_.waiting -= static_cast<int64_t>(taken.size());
  return taken;
}

void Pool::Work(Worker& worker) {
  for (bool stops = false; !stops;) {
    std::list<Job> taken = TakeNext(worker, stops);
    for (Job& job : taken) {
      ++counters_.busy;
      const auto begin = std::chrono::steady_clock::now();
      Outcome outcome = job.work(*worker.connection);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      counters_.seconds.Observe(took.count());
      --counters_.busy;
      BeginAnswer();
      Finish(job, std::move(outcome));
    }
    worker.rests = taken.empty();
    if (worker.rests) worker.connection->Rest();
  }
}

void Pool::BeginAnswer() {
  observe::MutexLock lock(mutex_);
  ++answering_;
}

std::list<Pool::Job> Pool::TakeNext(Worker& worker, bool& stops) {
  const Deadline rest_at = After(max_idle_);
  observe::MutexLock lock(mutex_);
  if (!worker.rests) --answering_;
  while (waiting_.empty() && !stopping_) {
    // Who rests has no connection to offer, and comes last.
    idle_.insert(worker.rests ? idle_.begin() : idle_.end(), &worker);
    bool in_time = true;
    if (worker.rests) {
      worker.wake.Wait(lock);
    } else {
      in_time = worker.wake.WaitUntil(lock, rest_at);
    }
    std::erase(idle_, &worker);
    if (!in_time && waiting_.empty()) break;
  }
  stops = stopping_;
  if (waiting_.empty()) return {};
  return Take(waiting_.begin(), std::next(waiting_.begin()));
}

// Connections may all be busy for longer than a transaction wants to wait.
void Pool::Expire() {
  while (auto expired = TakeExpired()) {
    for (Job& job : *expired) {
      ++counters_.pool_expired;
      Refuse(job, kExpired);
    }
  }
}

std::optional<std::list<Pool::Job>> Pool::TakeExpired() {
  observe::MutexLock lock(mutex_);
  if (stopping_) return std::nullopt;
  expiry_.WaitUntil(lock, NextExpiry());
  const Deadline now = std::chrono::steady_clock::now();
  std::list<Job> expired;
  for (auto job = waiting_.begin(); job != waiting_.end();) {
    const auto next = std::next(job);
    if (job->begin_by <= now) expired.splice(expired.end(), Take(job, next));
    job = next;
  }
  return expired;
}

// An hour when nothing waits: condition variables do not take the end of time.
Deadline Pool::NextExpiry() const {
  Deadline next = std::chrono::steady_clock::now() + std::chrono::hours(1);
  for (const Job& job : waiting_) next = std::min(next, job.begin_by);
  return next;
}

void Pool::Finish(Job& job, Outcome outcome) {
  if (outcome.ok()) {
    ++counters_.committed;
  } else {
    ++(outcome.error->may_be_applied ? counters_.unknown : counters_.failed);
  }
  job.done(std::move(outcome));
}

void Pool::Refuse(Job& job, const char* why) { Finish(job, {PoolError(why), {}}); }

}  // namespace praefect::db
