#pragma once

// Connects to a node without blocking the loop.

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <vector>

#include "config/address.h"
#include "net/address_race.h"
#include "net/event_loop.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "net/tls_handshake.h"
#include "net/transport.h"

namespace praefect::net {

// One attempt: the name is resolved anew, the addresses found race, a TLS handshake follows where
// the address asks for one, all within one time limit. Destroying the connector ends the attempt
// without a call.
class Connector {
 public:
  using Callback = std::function<void(absl::StatusOr<std::unique_ptr<Transport>>)>;

  // `callback` is called once, never from inside the constructor; it may destroy the connector.
  // `loop` and `resolver` must outlive it. `tls` is for an address with tls://, else not used. A
  // handshake that failed is FailedPrecondition, a node that does not answer Unavailable.
  Connector(EventLoop& loop, Resolver& resolver, config::Address address, int64_t timeout_ms,
            Callback callback, std::shared_ptr<const TlsClientContext> tls = nullptr);
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

 private:
  void Begin();
  void Resolved(Resolver::Addresses addresses);
  void Connected(absl::StatusOr<int> fd);
  void TimedOut();
  void Encrypted(TlsHandshake::Result result);
  void Finish(absl::StatusOr<std::unique_ptr<Transport>> result);

  EventLoop& loop_;
  Resolver& resolver_;
  const config::Address address_;
  const int64_t timeout_ms_;
  Callback callback_;
  const std::shared_ptr<const TlsClientContext> tls_;
  Timer begin_;  // leaves the constructor before anything is called back
  Timer timeout_;
  std::unique_ptr<Resolver::Request> lookup_;
  std::unique_ptr<AddressRace> race_;
  std::unique_ptr<TlsHandshake> handshake_;
};

}  // namespace praefect::net
