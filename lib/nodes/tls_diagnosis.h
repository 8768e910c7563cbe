#pragma once

// Says why a node with TLS cannot be reached. The gRPC library, which probes, only says that the
// handshake failed.

#include <absl/status/status.h>

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "config/address.h"
#include "net/connector.h"
#include "net/event_loop.h"
#include "net/resolver.h"
#include "net/tls.h"

namespace praefect::nodes {

// Any thread may ask. Has a thread of its own once there was a question.
class TlsDiagnosis {
 public:
  // From the thread of the diagnosis; must not block.
  using Done = std::function<void(const absl::Status&)>;

  TlsDiagnosis() = default;
  ~TlsDiagnosis();  // every question must have been answered
  TlsDiagnosis(const TlsDiagnosis&) = delete;
  TlsDiagnosis& operator=(const TlsDiagnosis&) = delete;

  // Connects as the data plane does and hangs up again. `done` is called once, within `timeout`:
  // with OK, with FailedPrecondition where TLS failed (the message is for people), with another
  // error where TCP did.
  void Ask(const config::Address& address, std::shared_ptr<const net::TlsClientContext> tls,
           std::chrono::milliseconds timeout, Done done);

 private:
  using Attempts = std::list<std::optional<net::Connector>>;
  void Connect(const config::Address& address, std::shared_ptr<const net::TlsClientContext> tls,
               std::chrono::milliseconds timeout, Done done);

  std::once_flag started_;
  net::EventLoop loop_;
  net::Resolver resolver_;
  Attempts attempts_;  // of the loop's thread
  std::thread thread_;
};

}  // namespace praefect::nodes
