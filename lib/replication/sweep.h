#pragma once

// Makes jobs that are missing, over all repositories, a few at a time: what a crash left without
// one, and all of a storage that is new. Any number of Praefects may sweep the same books.

#include <functional>

#include "datastore/bookkeeper.h"
#include "observe/log.h"
#include "replication/metrics.h"

namespace praefect::replication {

// Used by one thread. What is referred to outlives it.
class Sweep {
 public:
  static constexpr int kBatch = 500;  // repositories that are looked at in one statement

  Sweep(datastore::Bookkeeper& keeper, observe::Logger& logger, Metrics& metrics)
      : keeper_(keeper), logger_(logger), metrics_(metrics) {}

  // Looks at the next repositories, and blocks for as long as the database takes. True when these
  // were the last ones, or the database does not answer: the next step begins anew.
  bool Step(const std::function<bool()>& stopping);

 private:
  bool Make(int64_t repository_id);

  datastore::Bookkeeper& keeper_;
  observe::Logger& logger_;
  Metrics& metrics_;
  int64_t after_ = 0;  // the last repository that was looked at
  int64_t made_ = 0;   // repositories that got jobs since the beginning
};

}  // namespace praefect::replication
