#pragma once

// One client's connection.

#include <chrono>
#include <memory>
#include <string>

#include "http2/connection.h"
#include "net/event_loop.h"
#include "proxy/client_account.h"

namespace praefect::proxy {

class Worker;

// `age` with 10 % more or less: connections that were made together do not all end together.
// `chance` is from [0, 1).
std::chrono::milliseconds WithJitter(std::chrono::milliseconds age, double chance);

class ClientSession final : private http2::Connection::Owner {
 public:
  // Bytes of a request that its client may send before the node takes some, at the beginning.
  static constexpr uint32_t kStreamWindow = 256 << 10;

  ClientSession(Worker& worker, std::unique_ptr<net::Transport> transport, std::string peer);

  void Drain() { connection_.GracefulShutdown(); }
  void Close() { connection_.Close("Praefect is stopping"); }

 private:
  void OnRequest(http2::Stream& stream, http2::HeaderList headers, bool end,
                 bool headers_too_large) override;
  void OnGoaway(http2::Connection&) override {}
  void OnClosed(http2::Connection& connection, const http2::ConnectionClosure& closure) override;
  void Watch();
  void LeaveIfIdle();
  void Leave(std::string_view limit);

  Worker& worker_;
  const int64_t ping_after_ms_, ping_timeout_ms_;
  const int64_t idle_timeout_ms_;  // 0: for ever
  ClientAccount account_;          // outlives the calls, which end with the connection
  http2::Connection connection_;
  net::Timer watch_;  // handshake first, signs of life afterwards
  net::Timer idle_;
  net::Timer age_;
  uint64_t bytes_seen_ = 0;
  bool ping_outstanding_ = false;
};

}  // namespace praefect::proxy
