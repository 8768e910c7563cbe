#pragma once

// What the handlers of all services share.

#include <set>
#include <string>

#include "release.h"
#include "storages.h"

namespace praefect::minigitaly {

struct Node {
  Storages storages;
  // The program through which git reaches another node (git-praefect-ssh).
  std::string ssh_helper;
  // What it says of itself.
  bool serving = true;
  std::set<std::string> unreadable, unwritable;  // names of storages
  Release release;
};

}  // namespace praefect::minigitaly
