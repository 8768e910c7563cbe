#pragma once

// The HTTP listener for operators (prometheus_listen_addr): /metrics and /healthz. Has nothing to
// do with clients of Gitaly.

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>

namespace praefect::daemon {

class AdminHttp {
 public:
  // Called from the listener's threads, several at once; must outlive it.
  using Render = std::function<std::string()>;

  // Binds, exclusively: a second process on the same port is refused. `address` is HOST:PORT;
  // without a host all interfaces are meant, port 0 is one that the kernel chooses.
  static absl::StatusOr<std::unique_ptr<AdminHttp>> Listen(const std::string& address,
                                                           Render metrics);
  ~AdminHttp();  // stops answering and joins
  AdminHttp(const AdminHttp&) = delete;
  AdminHttp& operator=(const AdminHttp&) = delete;

  void Start();
  int port() const;

 private:
  class Impl;
  explicit AdminHttp(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace praefect::daemon
