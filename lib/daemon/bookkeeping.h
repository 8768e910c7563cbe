#pragma once

// The books as a running Praefect keeps them: the store over its database, its bookkeeper, and with
// PostgreSQL the session that hears what others change. Only with `replication.enabled`.

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

namespace praefect::daemon {

// What a linger wants to know of a storage.
datastore::NodeState StateOf(const nodes::Snapshot& snapshot, const std::string& virtual_storage,
                             const std::string& storage);

class Bookkeeping {
 public:
  // All of it outlives this.
  struct Sources {
    BooksDatabase& database;
    const nodes::Manager& nodes;
    observe::Logger& logger;
    observe::Registry& registry;
  };

  explicit Bookkeeping(Sources sources) : sources_(sources) {}
  ~Bookkeeping() { Stop(); }
  Bookkeeping(const Bookkeeping&) = delete;
  Bookkeeping& operator=(const Bookkeeping&) = delete;

  // Once, when the database is open. It need not be reachable: writes are unavailable until this
  // process is registered.
  void Start(const config::Config& config);
  // Before the database closes, when nobody uses the bookkeeper any more: settles what it can.
  void Stop();

  // From Start to Stop; null: the books are not kept.
  datastore::Bookkeeper* bookkeeper() const;
  // Why writes would be refused, for operators. Empty: they would not, or the books are not kept.
  std::string problem() const;

 private:
  struct Parts;

  const Sources sources_;
  mutable observe::Mutex mutex_;
  std::shared_ptr<Parts> parts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace praefect::daemon
