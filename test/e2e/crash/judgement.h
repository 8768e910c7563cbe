#pragma once

// What is on the disks, held against what the clients know. Pure.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ledger.h"

namespace praefect::crash {

using References = std::map<std::string, std::string>;

struct Content {
  std::string head;
  References references;
  friend bool operator==(const Content&, const Content&) = default;
};

// Of one node: what lies where.
using Disk = std::map<std::string, Content>;

// What Praefect shows of a name: nothing when it has no repository of that name.
using Shown = std::map<std::string, std::optional<References>>;

struct Verdict {
  int lost = 0;       // acknowledged writes that are missing
  int divergent = 0;  // replicas that are missing, or differ from the first node's
  std::vector<std::string> problems;
};

Verdict Judge(const std::vector<Project>& projects, const std::map<std::string, Disk>& disks,
              const Shown& shown);

}  // namespace praefect::crash
