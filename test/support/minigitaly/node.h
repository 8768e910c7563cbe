#pragma once

// What the handlers of all services share.

#include <string>

#include "storages.h"

namespace praefect::minigitaly {

struct Node {
  Storages storages;
  // The program through which git reaches another node (git-praefect-ssh).
  std::string ssh_helper;
};

}  // namespace praefect::minigitaly
