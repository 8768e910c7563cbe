#pragma once

#include <cstdint>
#include <string>

namespace praefect::proxy {

// What one client connection has of Praefect, kept by its calls. Outlives them. For the worker's
// thread.
struct ClientAccount {
  const std::string peer;
  uint32_t open_calls = 0;
  int64_t idle_since_ms;       // when the last call ended, while there is none
  int64_t buffered_bytes = 0;  // received for a call and not passed on yet
};

}  // namespace praefect::proxy
