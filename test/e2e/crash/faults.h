#pragma once

// What happens to the parts of a site while clients are at work: the table of faults. A new fault
// is a row in faults.cc.

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "client.h"
#include "site.h"

namespace praefect::crash {

struct Fault {
  const char* name;
  bool needs_postgres;
  // Returns when it is over and everything runs again.
  std::function<void(Site&, Weather&, std::mt19937&)> run;
  // How the errors begin that a Praefect logs rightly on account of it.
  std::vector<std::string> explains = {};
};

const std::vector<Fault>& Faults();

}  // namespace praefect::crash
