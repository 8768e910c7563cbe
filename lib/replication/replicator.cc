#include "replication/replicator.h"

#include <set>

#include "datastore/await.h"
#include "observe/thread.h"

namespace praefect::replication {

Replicator::Replicator(const RunContext& context, Settings settings)
    : context_(context), settings_(settings) {}

Replicator::~Replicator() { Stop(); }

void Replicator::Wake() {
  {
    const std::lock_guard lock(mutex_);
    ++wakes_;
  }
  wake_.notify_all();
}

void Replicator::Publish(std::shared_ptr<const nodes::Snapshot> snapshot) {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    std::set<std::string> with_news;
    for (auto& [key, queue] : queues_) {
      const auto node = proxy::FindNode(snapshot, key.first, key.second);
      const bool up = node != nullptr && node->health == nodes::Health::kUp && node->writable();
      if (up && !queue->up) with_news.insert(key.first);
      queue->up = up;
    }
    for (auto& [key, queue] : queues_) {
      if (with_news.contains(key.first)) queue->retry = now;
    }
    for (const nodes::VirtualStorage& storage : snapshot->virtual_storages) {
      for (const nodes::Node& node : storage.nodes) {
        auto& queue = queues_[{storage.name, node.storage}];
        if (queue != nullptr) continue;
        queue = std::make_unique<Queue>();
        queue->virtual_storage = storage.name;
        queue->storage = node.storage;
        queue->up = node.health == nodes::Health::kUp && node.writable();
        queue->parked_look = now + kParkedLook;
        for (size_t i = 0; i < settings_.workers; ++i) {
          threads_.push_back(
              observe::StartThread("copies", [this, &queue = *queue] { Work(queue); }));
        }
      }
    }
    ++wakes_;
  }
  wake_.notify_all();
}

void Replicator::RetryAll() {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [key, queue] : queues_) queue->retry = std::chrono::steady_clock::now();
    ++wakes_;
  }
  wake_.notify_all();
}

void Replicator::Stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    threads = std::exchange(threads_, {});
  }
  wake_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

void Replicator::Work(Queue& queue) {
  while (WaitForWork(queue)) {
    for (const datastore::DueJob& job : DueJobs(queue)) {
      if (!Take(queue, job.repository_id)) continue;
      JobRun(context_, {queue.virtual_storage, queue.storage, job}).Run();
      GiveBack(queue, job.repository_id);
    }
  }
}

// False: it is over.
bool Replicator::WaitForWork(Queue& queue) {
  std::optional<std::chrono::steady_clock::time_point> retry;
  bool look = false;
  {
    std::unique_lock lock(mutex_);
    const auto awake = [&] { return stopping_ || (queue.up && queue.seen != wakes_); };
    do {
      wake_.wait_for(lock, kSweep, awake);
    } while (!stopping_ && !queue.up);
    if (stopping_) return false;
    queue.seen = wakes_;
    retry = std::exchange(queue.retry, std::nullopt);
    const auto now = std::chrono::steady_clock::now();
    look = now >= queue.parked_look;
    if (look) queue.parked_look = now + kParkedLook;
  }
  if (retry && !RetryFailed(queue, *retry)) {
    const std::lock_guard lock(mutex_);
    if (!queue.retry) queue.retry = retry;
  }
  if (look) {
    RetryParked(queue, kParkedFor);
    RetryParked(queue, kExhaustedFor, kMaxAttempts);
  }
  return true;
}

// Those that failed before `since`. False when the database does not answer.
bool Replicator::RetryFailed(const Queue& queue, std::chrono::steady_clock::time_point since) {
  const int most = settings_.most_retried;
  for (int64_t count = most; count == most;) {
    const auto hastened = datastore::Await<int64_t>([&](auto done) {
      context_.keeper.store().HastenJobs(queue.virtual_storage, queue.storage, most,
                                         db::After(kBooksTimeout), std::move(done));
    });
    if (!hastened.ok()) return false;
    count = hastened.value;
  }
  const auto age = std::chrono::steady_clock::now() - since;
  return RetryParked(queue, std::chrono::duration_cast<std::chrono::milliseconds>(age));
}

bool Replicator::RetryParked(const Queue& queue, std::chrono::milliseconds age,
                             int least_attempts) {
  const int most = settings_.most_retried;
  for (int64_t count = most; count == most;) {
    const auto retried = datastore::Await<int64_t>([&](auto done) {
      context_.keeper.store().RetryParkedJobs(queue.virtual_storage, queue.storage, age,
                                              least_attempts, most, db::After(kBooksTimeout),
                                              std::move(done));
    });
    if (!retried.ok()) return false;
    count = retried.value;
  }
  return true;
}

std::vector<datastore::DueJob> Replicator::DueJobs(const Queue& queue) const {
  // Those that other threads have taken are among them.
  const int limit = settings_.batch * static_cast<int>(settings_.workers);
  return datastore::Await<std::vector<datastore::DueJob>>([&](auto done) {
           context_.keeper.store().DueJobs(queue.virtual_storage, queue.storage, limit,
                                           db::After(kBooksTimeout), std::move(done));
         })
      .value;
}

bool Replicator::Take(Queue& queue, int64_t repository_id) {
  const std::lock_guard lock(mutex_);
  return !stopping_ && queue.taken.insert(repository_id).second;
}

void Replicator::GiveBack(Queue& queue, int64_t repository_id) {
  const std::lock_guard lock(mutex_);
  queue.taken.erase(repository_id);
}

}  // namespace praefect::replication
