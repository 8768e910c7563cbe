#pragma once

// One round: a site of its own, clients at work, faults, and the judgement afterwards.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "ledger.h"
#include "support/postgres_server.h"

namespace praefect::crash {

struct RoundResult {
  Ledger::Counts counts;
  std::map<std::string, int> faults;  // by kind
  int lost = 0, divergent = 0;
  double seconds_until_quiet = 0;
  std::vector<std::string> problems;  // empty: all is well
};

// `postgres`: nullptr for the embedded store.
RoundResult RunRound(const std::filesystem::path& directory, test::PostgresServer* postgres,
                     uint32_t seed);

}  // namespace praefect::crash
