#pragma once

// The handshake of one connection, without blocking the loop.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/event_loop.h"
#include "net/round_budget.h"
#include "net/tls.h"
#include "net/tls_transport.h"
#include "net/transport.h"

namespace praefect::net {

// Destroying it ends the attempt without a call, and closes the connection.
class TlsHandshake {
 public:
  struct Result {
    std::unique_ptr<Transport> transport;  // nullptr: it failed
    std::string_view outcome;              // "ok", "resumed", or TlsFailure::reason
    std::string error;                     // for people; empty when it worked
  };
  // Called once, never from inside the constructor; may destroy the handshake.
  using Callback = std::function<void(Result)>;

  // `turns`, of all handshakes of a loop, must outlive it: a step may cost a signature, which takes
  // longer than many calls. nullptr: none is waited for.
  TlsHandshake(EventLoop& loop, std::unique_ptr<TlsTransport> transport, int64_t timeout_ms,
               Callback callback, RoundBudget* turns = nullptr);
  TlsHandshake(const TlsHandshake&) = delete;
  TlsHandshake& operator=(const TlsHandshake&) = delete;

 private:
  void Advance();
  void Finish(std::string_view outcome, std::string error);

  std::unique_ptr<TlsTransport> transport_;
  Callback callback_;
  RoundBudget* const turns_;
  std::unique_ptr<Watcher> watcher_;
  Timer timeout_;
};

}  // namespace praefect::net
