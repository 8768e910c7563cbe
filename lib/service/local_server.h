#pragma once

// Praefect's own RPCs, on an in-process gRPC server that is reached over socketpairs, never over a
// path or a port. The proxy treats it as one more upstream and has authenticated the caller.

#include <absl/status/statusor.h>

#include <memory>
#include <span>
#include <string_view>

#include "nodes/manager.h"
#include "observe/log.h"

namespace praefect::service {

class LocalServer {
 public:
  // All must outlive the server.
  LocalServer(nodes::Manager& nodes, observe::Logger& logger);
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  absl::Status Start();
  // The client's end of a new connection, non-blocking, owned by the caller. Any thread.
  absl::StatusOr<int> Connect();
  // "/grpc.health.v1.Health/Check" and its like: what this server serves. Ordered.
  std::span<const std::string_view> methods() const;
  // From now on health answers NOT_SERVING.
  void SetDraining();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace praefect::service
