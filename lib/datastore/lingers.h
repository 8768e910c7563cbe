#pragma once

// Calls whose end nobody knows: each waits until its node can no longer apply it. Only time in
// which the node is healthy counts, as far as it was looked at. Time and the look are arguments.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "datastore/windows.h"
#include "observe/mutex.h"

namespace praefect::datastore {

enum class NodeState {
  kHealthy,  // it has answered its last probe; one that was not probed yet is not healthy
  kUnhealthy,
  kNotConfigured,  // it left the configuration: what lingers on it ends
};
// Any thread; must not block.
using AskNode =
    std::function<NodeState(const std::string& virtual_storage, const std::string& storage)>;

// Thread-safe.
class Lingers {
 public:
  // `left`: because the storage left the configuration, so that its claim is to be withdrawn.
  using Ended = std::function<void(bool left)>;

  // A gap between two looks counts as no more than `longest_gap`.
  explicit Lingers(std::chrono::milliseconds longest_gap) : longest_gap_(longest_gap) {}

  void Add(std::string virtual_storage, std::string storage, std::chrono::milliseconds time,
           Ended ended);
  // Looks at the nodes; what is over leaves and is told so, before this returns.
  void Look(BootTime now, const AskNode& ask);
  size_t size() const;

 private:
  struct Linger {
    std::string virtual_storage, storage;
    BootTime remaining;
    BootTime healthy_at = BootTime::min();  // at the last look; min: it was not
    Ended ended;
  };

  // Whether it is over.
  bool Count(Linger& linger, BootTime now, NodeState state) const;

  const std::chrono::milliseconds longest_gap_;
  mutable observe::Mutex mutex_;
  std::vector<Linger> lingers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace praefect::datastore
