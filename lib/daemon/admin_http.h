#pragma once

// The HTTP listener for operators (prometheus_listen_addr). Has nothing to do with clients of
// Gitaly, and no page of it waits for a database or a node.
//
//   /metrics, /db_metrics   Prometheus' text format
//   /healthz                200: the process lives
//   /readyz                 200 or 503; ?verbose: each check on a line; ?for=write: see Purpose

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/readiness.h"
#include "net/inherited_sockets.h"

namespace praefect::daemon {

// Called from the listener's threads, several at once; what they use must outlive it.
struct AdminPages {
  std::function<std::string()> metrics, database_metrics;
  std::function<std::vector<ReadinessCheck>(Purpose)> readiness;
  std::function<void()> connection_refused;  // there were too many; see HttpConnections
};

class AdminHttp {
 public:
  // Binds, exclusively: a second process on the same port is refused. `address` is HOST:PORT;
  // without a host all interfaces are meant, port 0 is one that the kernel chooses. Takes the
  // socket of prometheus_listen_addr that was handed over, if there is one.
  static absl::StatusOr<std::unique_ptr<AdminHttp>> Listen(const std::string& address,
                                                           AdminPages pages,
                                                           net::InheritedSockets& inherited);
  ~AdminHttp();  // stops answering and joins
  AdminHttp(const AdminHttp&) = delete;
  AdminHttp& operator=(const AdminHttp&) = delete;

  void Start();
  // Stops listening on a socket that was handed over: requests are for whoever serves it next.
  void LeaveToSuccessor();
  int port() const;

 private:
  class Impl;
  explicit AdminHttp(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace praefect::daemon
