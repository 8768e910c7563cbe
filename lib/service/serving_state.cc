#include "service/serving_state.h"

#include <algorithm>
#include <utility>

namespace praefect::service {

void ServingState::Update(const nodes::Snapshot& snapshot) {
  const bool has_primary = std::any_of(
      snapshot.virtual_storages.begin(), snapshot.virtual_storages.end(),
      [](const nodes::VirtualStorage& v) { return v.primary().health == nodes::Health::kUp; });
  observe::MutexLock lock(mutex_);
  has_primary_ = has_primary;
  Tell();
}

void ServingState::SetBooksUsable() {
  observe::MutexLock lock(mutex_);
  books_usable_ = true;
  Tell();
}

void ServingState::SetDraining() {
  observe::MutexLock lock(mutex_);
  draining_ = true;
  Tell();
}

bool ServingState::serving() const {
  observe::MutexLock lock(mutex_);
  return Serving();
}

int ServingState::Watch(Watcher watcher) {
  observe::MutexLock lock(mutex_);
  watcher(Serving());
  watchers_.emplace(next_id_, std::move(watcher));
  return next_id_++;
}

void ServingState::Unwatch(int id) {
  observe::MutexLock lock(mutex_);
  watchers_.erase(id);
}

void ServingState::Tell() {
  if (Serving() == told_) return;
  told_ = Serving();
  for (const auto& [id, watcher] : watchers_) watcher(told_);
}

}  // namespace praefect::service
