#pragma once

// What a bookkeeper counts. The registry owns it all, so it may be collected after the bookkeeper
// has gone.

#include <map>
#include <string>

#include "datastore/routes.h"
#include "datastore/store.h"
#include "observe/mutex.h"
#include "observe/registry.h"

namespace praefect::datastore {

class BookkeeperMetrics {
 public:
  explicit BookkeeperMetrics(observe::Registry& registry);

  void CountFind(const std::string& virtual_storage, const Routed& routed);

  prometheus::Counter& opened;
  prometheus::Counter& dropped;  // never reached a node
  prometheus::Counter& acknowledged;
  prometheus::Counter& not_kept;
  prometheus::Counter& gone;
  prometheus::Counter& unrecorded;
  prometheus::Counter& recovered_writes;
  prometheus::Counter& recovered_runs;
  prometheus::Counter& routed_anew;
  prometheus::Counter& unavailable;
  prometheus::Counter& too_many_waiting;
  prometheus::Counter& beats;
  prometheus::Counter& failed_beats;
  prometheus::Counter& disowned;
  prometheus::Counter& buried;
  prometheus::Counter& events_swept;
  prometheus::Counter& instances_swept;
  prometheus::Counter& settled_again;  // because the database may have lost it
  prometheus::Counter& forgotten;      // what could not be settled again then
  prometheus::Gauge& open_writes;      // recorded, and not settled
  prometheus::Gauge& lingering;
  prometheus::Gauge& owed;  // settles and changes that the database has not taken yet
  observe::Histogram& settle_delay;

 private:
  BookkeeperMetrics(observe::Registry& registry, observe::CounterFamily& settled,
                    observe::CounterFamily& recovered, observe::CounterFamily& refused,
                    observe::CounterFamily& beats);

  // Upstream's, of its cache of up-to-date storages.
  struct Access {
    prometheus::Counter& hit;
    prometheus::Counter& miss;
    prometheus::Counter& populate;
  };

  Access& AccessTo(const std::string& virtual_storage);

  observe::CounterFamily& cache_accesses_;
  observe::Mutex mutex_;
  // By virtual storage, since somebody first asked for one of its repositories; they stay.
  std::map<std::string, Access> accesses_ ABSL_GUARDED_BY(mutex_);
  prometheus::Counter& stale_;
};

}  // namespace praefect::datastore
