#pragma once

// The database that the books are in, as `serve` opens it: PostgreSQL, or the embedded store where
// none is configured.

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <prometheus/metric_family.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "config/config.h"
#include "db/database.h"
#include "db/stop_signal.h"
#include "observe/log.h"
#include "observe/mutex.h"
#include "observe/registry.h"

namespace praefect::daemon {

struct BooksState {
  std::string problem;  // why it cannot be used; empty: it can
  // Since the start: from then on reads go on by what is known, also while there is a problem.
  bool was_usable = false;
  // Why writes cannot be recorded although it can be used; empty: they can.
  std::string recording = {};
  bool operator==(const BooksState&) const = default;
};

class BooksDatabase {
 public:
  // What the first question to PostgreSQL may take of the start, and later ones each.
  static constexpr std::chrono::milliseconds kFirstPatience{1'000};
  static constexpr std::chrono::milliseconds kPatience{2'000};
  // Between questions; while there is a problem growing up to the last one, with jitter.
  static constexpr std::chrono::milliseconds kInterval{1'000};
  static constexpr std::chrono::milliseconds kLongestPause{5'000};

  struct Sources {
    config::Database database;
    config::EmbeddedStore embedded_store;
    observe::Logger& logger;  // outlives it, as the registry does
    observe::Registry& registry;
    // Called once, when reads have become possible, on any thread; must not block.
    std::function<void()> usable;
  };

  explicit BooksDatabase(Sources sources);
  ~BooksDatabase();  // Close
  BooksDatabase(const BooksDatabase&) = delete;
  BooksDatabase& operator=(const BooksDatabase&) = delete;

  enum class Opening {
    kDone,
    kLocked  // another process has the embedded store: state() says which; to be called again
  };
  // PostgreSQL is asked once, and from then on by a thread of its own: one that cannot be reached
  // is a state and no error. The embedded store is opened and migrated. Fails, with nothing changed
  // in the database, for a schema or a PostgreSQL that this Praefect must not use, and for an
  // embedded store that cannot be used: the message says what to do.
  absl::StatusOr<Opening> Open();
  // Lets go of the embedded store. Nothing may use the database any more.
  void Close();

  BooksState state() const;  // any thread
  // From Open (kDone) until Close; null otherwise. Any thread.
  db::Database* database() const;

 private:
  static constexpr char kNotAsked[] = "the database was not asked yet";

  struct Finding {
    std::string problem;  // empty: it can be used
    bool final = false;   // its schema or version: passes only when somebody acts
  };

  absl::StatusOr<Opening> OpenEmbedded();
  absl::StatusOr<Opening> OpenPostgres();
  Finding MigrateEmbedded();
  void Watch();
  Finding Ask(std::chrono::milliseconds patience);
  Finding AskSchema(db::Deadline deadline);
  Finding AskWhetherUsable(db::Deadline deadline);
  void Note(const Finding& finding);
  void LogUsable() const;
  void Keep(std::unique_ptr<db::Database> database);
  std::vector<prometheus::MetricFamily> Collect() const;

  const Sources sources_;
  db::StopSignal stop_;

  // Of the thread that opens, then of the one that watches.
  bool schema_checked_ = false;
  int64_t migrations_ = 0;  // that were applied then
  std::string warning_;     // the last one that was logged
  Finding last_{kNotAsked};

  mutable observe::Mutex mutex_;
  BooksState state_ ABSL_GUARDED_BY(mutex_) = {kNotAsked};
  std::unique_ptr<db::Database> database_ ABSL_GUARDED_BY(mutex_);

  std::thread watcher_;
};

}  // namespace praefect::daemon
