#pragma once

// What the books say as a whole at one moment: for `status`, and for gauges.

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "datastore/overview.h"
#include "datastore/unknown_contents.h"
#include "nodes/snapshot.h"

namespace praefect::service {

struct Survey {
  // What could not be read, without names, users or addresses of the database: clients see it.
  // Empty: all of this was.
  std::string problem;
  std::chrono::steady_clock::time_point taken;
  std::chrono::microseconds latency{0};  // of the shortest question
  std::chrono::milliseconds took{0};     // reading all of it

  struct UnavailableRepositories {
    int64_t count = 0;
    std::vector<datastore::Unavailable> first;  // at most kMostListed
  };

  std::vector<datastore::ReplicaCounts> replicas;
  std::vector<datastore::RepositoryCounts> repositories;
  std::vector<datastore::JobCounts> jobs;
  std::vector<datastore::ParkedJob> parked;  // at most kMostListed
  datastore::UnknownContentsFound unknown;   // at most kMostUnknown
  datastore::IntentCounts intents;
  std::map<std::string, UnavailableRepositories> unavailable;  // by virtual storage
};

inline constexpr int kMostListed = 10;
// Of contents that differ each has a row for every storage.
inline constexpr int kMostUnknown = 30;
// What one statement of a survey may take: its figures are in test/bench/RESULTS.md.
inline constexpr std::chrono::seconds kSurveyStatement{5};
// What the first one may take, the shortest: it tells whether the database answers at all.
inline constexpr std::chrono::seconds kSurveyGreeting{2};

// Blocks, with one statement after the other, so that it takes one connection at a time from
// whoever routes calls. Ends early, with a problem, after the first failure and once `stopping`.
Survey TakeSurvey(db::Database& database, const nodes::Snapshot& snapshot,
                  const std::function<bool()>& stopping);

}  // namespace praefect::service
