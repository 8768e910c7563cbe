#pragma once

// One client's connection.

#include <memory>
#include <string>

#include "http2/connection.h"
#include "net/event_loop.h"

namespace praefect::proxy {

class Worker;

class ClientSession final : private http2::Connection::Owner {
 public:
  // A client that has not begun to speak HTTP/2 by then is not one.
  static constexpr int64_t kHandshakeTimeoutMs = 10'000;
  // After so long without a byte the client is asked for a sign of life, and given so long to
  // answer, as upstream does.
  static constexpr int64_t kPingAfterIdleMs = 300'000;
  static constexpr int64_t kPingTimeoutMs = 20'000;

  ClientSession(Worker& worker, std::unique_ptr<net::Transport> transport, std::string peer);

  void Drain() { connection_.GracefulShutdown(); }
  void Close() { connection_.Close("Praefect is stopping"); }
  const std::string& peer() const { return peer_; }

 private:
  void OnRequest(http2::Stream& stream, http2::HeaderList headers, bool end,
                 bool headers_too_large) override;
  void OnGoaway(http2::Connection&) override {}
  void OnClosed(http2::Connection& connection, const http2::ConnectionClosure& closure) override;
  void Watch();

  Worker& worker_;
  const std::string peer_;
  http2::Connection connection_;
  net::Timer watch_;  // handshake first, signs of life afterwards
  uint64_t bytes_seen_ = 0;
  bool ping_outstanding_ = false;
};

}  // namespace praefect::proxy
