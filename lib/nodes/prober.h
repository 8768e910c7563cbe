#pragma once

// Asks one node for its health, and for what it thinks of the token, over a connection of its own.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "nodes/probe_result.h"
#include "nodes/snapshot.h"
#include "nodes/tls_diagnosis.h"

namespace praefect::nodes {

class Prober {
 public:
  // Seconds since 1970, for the token.
  using WallClock = std::function<int64_t()>;
  // From a thread of the gRPC library or of the diagnosis; must not block, and must not destroy the
  // prober.
  using Done = std::function<void(ProbeResult)>;

  // `diagnosis` must outlive it.
  Prober(const Node& node, std::chrono::milliseconds timeout, WallClock wall_clock,
         TlsDiagnosis& diagnosis);
  ~Prober();  // cancels what is under way and waits for its Done
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // Each sends one call with the node's token; `done` is called exactly once, within the timeout;
  // a node with TLS that could not be reached is asked why, with as much time again.
  // No second call before that; from one thread at a time. Never blocks.
  void CheckHealth(Done done);  // grpc.health.v1
  // ServerService/ServerInfo: no Gitaly answers it without the token, and it tells of the storages.
  void CheckToken(Done done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace praefect::nodes
