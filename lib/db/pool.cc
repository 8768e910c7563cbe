#include "db/pool.h"

#include <algorithm>
#include <utility>

#include "db/arguments.h"

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
           Counters& counters)
    : connections_(std::move(connections)), max_waiting_(max_waiting), counters_(counters) {
  for (const auto& connection : connections_) {
    threads_.emplace_back([this, &connection] { Work(*connection); });
  }
  threads_.emplace_back([this] { Expire(); });
}

Pool::~Pool() {
  std::list<Job> refused;
  {
    observe::MutexLock lock(mutex_);
    stopping_ = true;
    refused = Take(waiting_.begin(), waiting_.end());
    work_.NotifyAll();
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
  work_.NotifyOne();
  if (first_to_expire) expiry_.NotifyOne();
  return nullptr;
}

std::list<Pool::Job> Pool::Take(Iterator begin, Iterator end) {
  std::list<Job> taken;
  taken.splice(taken.begin(), waiting_, begin, end);
  counters_.waiting -= static_cast<int64_t>(taken.size());
  return taken;
}

void Pool::Work(Connection& connection) {
  for (;;) {
    std::list<Job> taken = TakeNext();
    if (taken.empty()) return;
    Job& job = taken.front();
    Finish(job, job.work(connection));
  }
}

std::list<Pool::Job> Pool::TakeNext() {
  observe::MutexLock lock(mutex_);
  while (waiting_.empty() && !stopping_) work_.Wait(lock);
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
