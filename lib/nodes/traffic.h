#pragma once

// What the data plane learns about one node from the calls that it sends there. Workers write,
// the manager reads: it makes metrics of it. Only failures are counted, so that a call that goes
// well costs nothing here.

#include <atomic>
#include <cstdint>

namespace praefect::nodes {

struct Traffic {
  std::atomic<uint64_t> token_refused{0};     // calls that the node answered so
  std::atomic<uint64_t> connect_failures{0};  // connections that could not be made
  std::atomic<uint64_t> connections_lost{0};  // connections that broke
};

}  // namespace praefect::nodes
