#pragma once

// The gRPC server of the node.

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>

#include "dispatcher.h"

namespace praefect::minigitaly {

// Files in PEM form, for tls://.
struct ServerTls {
  std::string certificate, key;
};

class Server {
 public:
  // `listen` is tcp://HOST:PORT, tls://HOST:PORT, HOST:PORT or unix:PATH; port 0 takes a free one.
  // A port that is in use is an error, also when its owner would share it. `dispatcher` is
  // borrowed.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const std::string& listen,
                                                       const ServerTls& tls,
                                                       Dispatcher& dispatcher);
  virtual ~Server() = default;

  // With the port in use: "tcp://127.0.0.1:40123" or "unix:/path".
  virtual const std::string& address() const = 0;

  // Lets calls end for `grace`, then cancels them, and returns when all handlers have.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace praefect::minigitaly
