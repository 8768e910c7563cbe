#pragma once

// Probes every configured node and publishes what it learned.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "nodes/snapshot.h"
#include "observe/log.h"

namespace prometheus {
class Registry;
}

namespace praefect::nodes {

struct ManagerOptions {
  std::chrono::milliseconds interval{1'000};  // between the starts of two probes of a node
  std::chrono::milliseconds timeout{1'000};   // of each call of a probe
  // Seconds since 1970, for tokens; empty: the system's clock.
  std::function<int64_t()> wall_clock;
};

struct ExpectedDisk {
  std::string virtual_storage, storage;
  std::string filesystem_id;  // not empty

  friend bool operator==(const ExpectedDisk&, const ExpectedDisk&) = default;
};

// Probes each node with grpc.health.v1 (token sent) every second, one second of time each. Down
// after 2 failed probes, up after 2 good ones; a node never probed before is up after its first
// good one. Some probes also ask what the node thinks of the token (HealthTracker says which and
// why), with one more second of time. Starting waits for no node. Nothing here blocks a caller,
// except the end. Changes of health, and of its cause, are logged; single results are not. The
// address of a node was parsed by the loading of the configuration; one that cannot be parsed stays
// down.
class Manager {
 public:
  // Called with every new snapshot, from a thread of the manager; must not block. The first call
  // comes from Subscribe itself.
  using Subscriber = std::function<void(std::shared_ptr<const Snapshot>)>;

  // `logger` and `registry` must outlive the manager.
  Manager(const config::Config& config, observe::Logger& logger, prometheus::Registry& registry,
          ManagerOptions options = {});
  ~Manager();  // stops
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  void Start();  // the first probes leave before this returns
  // Ends probing and joins; no subscriber is called any more. The last snapshot stays.
  void Stop();
  // Takes the nodes of another configuration in place of the present ones; any thread, returns at
  // once. The manager's thread does it (so not before Start) and publishes one new snapshot. A node
  // whose virtual storage, storage and address are as before keeps its id, its health and, unless
  // its token or the trust store changed, its connection; a changed token is checked at once. Nodes
  // that are gone are probed no more. Of several calls in a row the last one counts.
  void Reload(const config::Config& config);
  // What the books say now, of all storages that they know: which disk each should be on. Nothing
  // is written to a storage before. Any thread, returns at once.
  void ExpectDisks(std::vector<ExpectedDisk> disks);
  // What the books tell of designated storages, by virtual storage; any thread, returns at once.
  // Publishes a new snapshot when something changed. Before Start it waits for that.
  void Designate(std::map<std::string, std::string> designated);
  std::shared_ptr<const Snapshot> snapshot() const;
  void Subscribe(Subscriber subscriber);  // before Start

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace praefect::nodes
