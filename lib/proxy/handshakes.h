#pragma once

// The TLS handshakes of one worker's new clients.

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "net/event_loop.h"
#include "net/round_budget.h"
#include "net/tls_handshake.h"
#include "observe/log.h"
#include "proxy/metrics.h"

namespace praefect::proxy {

// Each is bounded in time, counted by its result, and logged when it fails. For the worker's
// thread.
class Handshakes {
 public:
  // Steps of all handshakes together in one round of the loop. A step may take a millisecond (the
  // signature of an RSA key); calls must not wait for a thousand of them.
  static constexpr int kStepsPerRound = 4;

  // `transport` is nullptr when the handshake failed.
  using Done = std::function<void(std::unique_ptr<net::Transport> transport, std::string peer)>;

  // All must outlive it.
  Handshakes(net::EventLoop& loop, Metrics& metrics, observe::Logger& logger, Done done);

  // Takes ownership of `fd`. `done` is called once, later.
  void Begin(int fd, std::string peer, std::shared_ptr<const net::TlsServerContext> context,
             std::chrono::milliseconds timeout);
  // Ends those that are under way; `done` is called for each.
  void EndAll();

 private:
  struct Pending {
    std::string peer;
    std::unique_ptr<net::TlsHandshake> handshake;
  };
  void Finish(std::list<Pending>::iterator which, net::TlsHandshake::Result result);
  void ReportFailure(std::string_view peer, const net::TlsHandshake::Result& result);

  net::EventLoop& loop_;
  Metrics& metrics_;
  observe::Logger& logger_;
  const Done done_;
  net::RoundBudget turns_;
  std::list<Pending> pending_;
};

}  // namespace praefect::proxy
