#pragma once

// Praefect's own RPCs, on an in-process gRPC server that is reached over socketpairs, never over a
// path or a port. The proxy treats it as one more upstream and has authenticated the caller.

#include <absl/status/statusor.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "nodes/manager.h"
#include "observe/log.h"
#include "service/books_view.h"

namespace praefect::service {

// ServerService/ServerInfo: one status for each virtual storage whose primary answered, under the
// name of the virtual storage; virtual storages without an answer are left out and logged, as
// upstream does. ServerService/DiskStatistics: the physical storages of all nodes. Upstream fails
// when one node does; here it is left out and logged, and only when no node answers the call fails.
// Health (Check and Watch, of "" only): SERVING while a virtual storage has a healthy primary, the
// books could be used at least once, and nothing drains. PraefectInfoService and
// praefect.api.StatusService tell what the books know. Reflection lists these services.
class LocalServer {
 public:
  // All must outlive the server. To be made before the manager starts. `books` is asked from when
  // the server is started until it is stopped.
  LocalServer(nodes::Manager& nodes, observe::Logger& logger, BooksSource books,
              std::string version);
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  absl::Status Start();
  // The client's end of a new connection, non-blocking, owned by the caller. Any thread, once
  // started.
  absl::StatusOr<int> Connect();
  // "/grpc.health.v1.Health/Check" and its like: what this server serves. Ordered.
  std::span<const std::string_view> methods() const;
  // Without it health answers NOT_SERVING. Any thread, as the next one.
  void SetBooksUsable();
  // From now on health answers NOT_SERVING.
  void SetDraining();
  // Ends calls that are under way and all connections; takes some seconds when the database does
  // not answer. Once; the destructor does it otherwise.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace praefect::service
