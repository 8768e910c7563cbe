#pragma once

// Praefect's own services as the proxy sees them: one more place to send calls to.

#include <absl/status/statusor.h>

#include <functional>
#include <string_view>
#include <vector>

namespace praefect::proxy {

struct LocalEndpoint {
  // The client's end of a new connection, non-blocking, owned by the caller. Any thread.
  std::function<absl::StatusOr<int>()> connect;
  // "/grpc.health.v1.Health/Check" and its like; ordered, owned by the program.
  std::vector<std::string_view> methods;
};

}  // namespace praefect::proxy
