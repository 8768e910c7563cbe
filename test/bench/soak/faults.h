#pragma once

// What happens to the site while clients work: the table of faults, each with what calls may end
// with while it is under way. A new fault is a row in faults.cc.

#include <functional>
#include <random>
#include <vector>

#include "ledger.h"
#include "site.h"

namespace praefect::bench {

struct Fault {
  const char* name;
  Codes allowed;  // of calls that it overlaps; besides what their kinds allow
  std::function<void(Site&, std::mt19937&)> run;  // returns when it was made good
};

const std::vector<Fault>& Faults();

// Lets one happen, and waits until every new connection is served again; throws when that does not
// come.
void LetHappen(const Fault& fault, Site& site, Ledger& ledger, std::mt19937& random);

}  // namespace praefect::bench
