#include "replication/replicator.h"

#include <future>

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
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    for (auto& [key, queue] : queues_) {
      const auto node = proxy::FindNode(snapshot, key.first, key.second);
      const bool up = node != nullptr && node->health == nodes::Health::kUp && node->writable();
      queue->came_back = queue->came_back || (up && !queue->up);
      queue->up = up;
    }
    for (const nodes::VirtualStorage& storage : snapshot->virtual_storages) {
      for (const nodes::Node& node : storage.nodes) {
        auto& queue = queues_[{storage.name, node.storage}];
        if (queue != nullptr) continue;
        queue = std::make_unique<Queue>();
        queue->virtual_storage = storage.name;
        queue->storage = node.storage;
        queue->up = node.health == nodes::Health::kUp && node.writable();
        queue->parked_look = std::chrono::steady_clock::now() + kParkedLook;
        for (size_t i = 0; i < settings_.workers; ++i) {
          threads_.emplace_back([this, &queue = *queue] { Work(queue); });
        }
      }
    }
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
  bool came_back = false, look = false;
  {
    std::unique_lock lock(mutex_);
    const auto awake = [&] { return stopping_ || (queue.up && queue.seen != wakes_); };
    do {
      wake_.wait_for(lock, kSweep, awake);
    } while (!stopping_ && !queue.up);
    if (stopping_) return false;
    queue.seen = wakes_;
    came_back = std::exchange(queue.came_back, false);
    const auto now = std::chrono::steady_clock::now();
    look = now >= queue.parked_look;
    if (look) queue.parked_look = now + kParkedLook;
  }
  if (came_back) RetryParked(queue, std::chrono::milliseconds(0));
  if (look) RetryParked(queue, kParkedFor);
  return true;
}

void Replicator::RetryParked(Queue& queue, std::chrono::milliseconds age) {
  std::promise<void> done;
  context_.keeper.store().RetryParkedJobs(queue.virtual_storage, queue.storage, age, kMostParked,
                                          db::After(kBooksTimeout),
                                          [&](const auto&) { done.set_value(); });
  done.get_future().wait();
}

std::vector<datastore::DueJob> Replicator::DueJobs(const Queue& queue) const {
  std::promise<datastore::Result<std::vector<datastore::DueJob>>> promise;
  auto answer = promise.get_future();
  // Those that other threads have taken are among them.
  const int limit = settings_.batch * static_cast<int>(settings_.workers);
  context_.keeper.store().DueJobs(queue.virtual_storage, queue.storage, limit,
                                  db::After(kBooksTimeout),
                                  [&](auto jobs) { promise.set_value(std::move(jobs)); });
  return answer.get().value;
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
