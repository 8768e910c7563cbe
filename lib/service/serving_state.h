#pragma once

// Whether this Praefect serves, and who wants to hear of it.

#include <functional>
#include <map>

#include "nodes/snapshot.h"
#include "observe/mutex.h"

namespace praefect::service {

// SERVING means: a virtual storage has a primary that is known to be up, the books could be used at
// least once, and nothing drains.
class ServingState {
 public:
  // Called under the state's lock with every new value: must not block or call back.
  using Watcher = std::function<void(bool serving)>;

  void Update(const nodes::Snapshot& snapshot);
  void SetBooksUsable();
  void SetDraining();
  bool serving() const;

  // The watcher is called with the present value before this returns, and not any more once
  // Unwatch has returned.
  int Watch(Watcher watcher);
  void Unwatch(int id);

 private:
  void Tell() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Serving() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return has_primary_ && books_usable_ && !draining_;
  }

  mutable observe::Mutex mutex_;
  bool has_primary_ ABSL_GUARDED_BY(mutex_) = false;
  bool books_usable_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool told_ ABSL_GUARDED_BY(mutex_) = false;
  int next_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<int, Watcher> watchers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace praefect::service
