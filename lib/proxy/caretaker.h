#pragma once

// Takes maintenance to the replicas that the client's call does not reach: the primary's answer is
// the client's, and what it tidied there is tidied on the others after it.

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "datastore/in_flight.h"
#include "datastore/store.h"
#include "gitaly/method.h"
#include "observe/log.h"
#include "observe/registry.h"
#include "proxy/node_calls.h"
#include "proxy/under_maintenance.h"

namespace praefect::proxy {

struct Maintenance {
  int64_t repository_id = 0;
  const gitaly::Method* method = nullptr;  // of maintenance
  std::string message;                     // serialized, as the client sent it
  std::string storage;                     // where the client's call went
  std::string correlation_id;
};

// Thread-safe; blocks nobody.
class Caretaker {
 public:
  static constexpr std::chrono::seconds kBooksPatience{10};

  struct Context {  // what is referred to outlives it
    datastore::Store& store;
    NodeCalls& calls;
    std::function<std::shared_ptr<const nodes::Snapshot>()> snapshot;
    UnderMaintenance& marks;
    observe::Logger& logger;
    observe::Registry& registry;
    // Repositories that are tidied at a time; each on one node at a time.
    int64_t most_under_way = 100;
  };

  explicit Caretaker(Context context);
  // Waits for the database's answers; the calls must be ended before (NodeCalls::Stop).
  ~Caretaker() { in_flight_.Wait(); }
  Caretaker(const Caretaker&) = delete;
  Caretaker& operator=(const Caretaker&) = delete;

  // Calls every other replica whose node is healthy, one after the other, unless a copy or delete
  // has to do with it. Who fails is logged: maintenance comes again. Beyond most_under_way nothing
  // is done, and that is counted.
  void TidyOthers(Maintenance maintenance);
  // For the client's own call, for as long as it lasts.
  UnderMaintenance::Mark Begin(int64_t repository_id, const std::string& storage) {
    return context_.marks.Begin(repository_id, storage);
  }

 private:
  class Round;

  const Context context_;
  datastore::InFlight in_flight_;
  prometheus::Gauge& under_way_;
  observe::CounterFamily& calls_;  // result
};

}  // namespace praefect::proxy
