#pragma once

// The books as a running Praefect keeps them: the store over its database, its bookkeeper, and with
// PostgreSQL the session that hears what others change; and who acts on them: the clerk that
// decides over names, the promoter, the replicator, and the sweep over primaries.

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "daemon/books_database.h"
#include "datastore/bookkeeper.h"
#include "db/listener.h"
#include "nodes/manager.h"
#include "observe/log.h"
#include "observe/mutex.h"
#include "observe/registry.h"
#include "proxy/books.h"
#include "replication/primary_sweep.h"
#include "replication/replicator.h"
#include "replication/upkeep.h"
#include "service/books_view.h"

namespace praefect::daemon {

// What a linger wants to know of a storage.
datastore::NodeState StateOf(const nodes::Snapshot& snapshot, const std::string& virtual_storage,
                             const std::string& storage);

class Bookkeeping {
 public:
  // All of it outlives this.
  struct Sources {
    BooksDatabase& database;
    nodes::Manager& nodes;
    observe::Logger& logger;
    observe::Registry& registry;
    observe::Registry& database_registry;  // of what surveys find
    // Calls that were recorded as that instance are to be ended. Any thread.
    std::function<void(int64_t instance)> disowned;
  };

  explicit Bookkeeping(Sources sources) : sources_(sources) {}
  ~Bookkeeping() { Stop(); }
  Bookkeeping(const Bookkeeping&) = delete;
  Bookkeeping& operator=(const Bookkeeping&) = delete;

  // What the start waits for the first writes to be possible, on all nodes.
  static constexpr std::chrono::milliseconds kFirstPatience{1'000};

  // Once, when the database is open. It need not be reachable, nor need the nodes: writes are
  // unavailable until this process is registered, and each node's disk is known to be the one that
  // it was.
  void Start(const config::Config& config);
  // Before the database closes, when nobody uses the bookkeeper any more: settles what it can.
  void Stop();

  // Something was learned of the nodes. Any thread.
  void Publish(std::shared_ptr<const nodes::Snapshot> snapshot);
  // The configuration was read again: what was parked is tried again. Any thread.
  void RetryAll();
  // From Start to Stop.
  proxy::Books books() const;
  service::BooksView view() const;
  // Why writes would be refused, for operators. Empty: they would not, or it has not started.
  std::string problem() const;

 private:
  struct Parts;

  void AwaitFirstWrites() const;

  const Sources sources_;
  mutable observe::Mutex mutex_;
  std::shared_ptr<Parts> parts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace praefect::daemon
