#pragma once

// Probes every configured node and publishes what it learned.

#include <functional>
#include <memory>

#include "config/config.h"
#include "nodes/snapshot.h"
#include "observe/log.h"

namespace prometheus {
class Registry;
}

namespace praefect::nodes {

// Probes each node with grpc.health.v1 (token sent) every second, one second of time each. Down
// after 2 failed probes, up after 2 good ones; a node never probed before is up after its first
// good one. Starting waits for no node. Nothing here blocks a caller.
class Manager {
 public:
  // Called with every new snapshot, from a thread of the manager; must not block. The first call
  // comes from Subscribe itself.
  using Subscriber = std::function<void(std::shared_ptr<const Snapshot>)>;

  // `logger` and `registry` must outlive the manager.
  Manager(const config::Config& config, observe::Logger& logger, prometheus::Registry& registry);
  ~Manager();  // stops probing and joins
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  void Start();  // the first probes leave before this returns
  std::shared_ptr<const Snapshot> snapshot() const;
  void Subscribe(Subscriber subscriber);  // before Start

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace praefect::nodes
