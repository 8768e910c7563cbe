#pragma once

// What the data plane learns about one node from the calls that it sends there. Workers write,
// the manager reads: it makes metrics of it.

#include <atomic>
#include <cstdint>

namespace praefect::nodes {

struct Traffic {
  std::atomic<uint64_t> token_refused{0};       // calls that the node answered so
  std::atomic<uint64_t> connections_made{0};    // by workers; probes have one of their own
  std::atomic<uint64_t> connect_failures{0};    // connections that could not be made
  std::atomic<uint64_t> connections_lost{0};    // connections that broke
  std::atomic<uint64_t> connections_frozen{0};  // given up because the node did not answer a PING
  std::atomic<uint64_t> reads{0};               // accessors that were routed there
  // Calls that failed because of the node: UNAVAILABLE or INTERNAL from it, its connection lost, no
  // connection.
  std::atomic<uint64_t> failed_reads{0};   // accessors
  std::atomic<uint64_t> failed_writes{0};  // mutators
  // Connections of all workers, by state, at this moment.
  std::atomic<int64_t> connecting{0};
  std::atomic<int64_t> connected{0};          // calls may be sent on it
  std::atomic<int64_t> draining{0};           // only the calls that it has go on
  std::atomic<uint64_t> calls_backed_off{0};  // refused between two attempts to connect
};

}  // namespace praefect::nodes
