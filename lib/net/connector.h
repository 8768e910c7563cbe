#pragma once

// Connects to a node without blocking the loop.

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <vector>

#include "config/address.h"
#include "net/event_loop.h"
#include "net/socket_address.h"
#include "net/tls.h"
#include "net/tls_handshake.h"
#include "net/transport.h"

namespace praefect::net {

// One attempt: names are resolved on libuv's threads, every address found is tried in turn, TLS
// handshakes included, all within one time limit. Destroying the connector ends the attempt without
// a call.
class Connector {
 public:
  using Callback = std::function<void(absl::StatusOr<std::unique_ptr<Transport>>)>;

  // `callback` is called once, never from inside the constructor; it may destroy the connector.
  // `tls` is for an address with tls://, and must not be null then. A handshake that failed is
  // FailedPrecondition, a node that does not answer Unavailable.
  Connector(EventLoop& loop, config::Address address, int64_t timeout_ms, Callback callback,
            std::shared_ptr<const TlsClientContext> tls = nullptr);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

 private:
  struct Lookup;
  void Begin();
  void TryNext();
  void Connected(bool readable, bool writable);
  void Fail(absl::Status status);
  void Encrypt();
  void Encrypted(TlsHandshake::Result result);
  void Succeed(std::unique_ptr<Transport> transport);
  void CloseSocket();

  EventLoop& loop_;
  const config::Address address_;
  const int64_t timeout_ms_;
  Callback callback_;
  const std::shared_ptr<const TlsClientContext> tls_;
  Timer begin_;  // leaves the constructor before anything is called back
  Timer timeout_;
  Lookup* lookup_ = nullptr;               // under way; freed by libuv's callback
  std::vector<SocketAddress> candidates_;  // still to be tried, last first
  absl::Status last_error_;
  int fd_ = -1;
  std::unique_ptr<Watcher> watcher_;
  std::unique_ptr<TlsHandshake> handshake_;
};

}  // namespace praefect::net
