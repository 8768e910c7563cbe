#include "proxy/client_session.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "proxy/call.h"
#include "proxy/worker.h"

namespace praefect::proxy {
namespace {

http2::ConnectionOptions OptionsFor(const config::Limits& limits) {
  http2::ConnectionOptions options;
  options.stream_window =
      std::min(ClientSession::kStreamWindow, limits.max_buffered_bytes_per_stream);
  options.max_concurrent_streams = limits.max_streams_per_connection;
  options.max_header_list_bytes = limits.max_header_list_bytes;
  options.max_header_fields = limits.max_header_fields;
  options.floods = {limits.max_resets_per_second, limits.max_pings_per_second,
                    limits.max_settings_per_second};
  return options;
}

}  // namespace

std::chrono::milliseconds WithJitter(std::chrono::milliseconds age, double chance) {
  return std::chrono::milliseconds(
      std::llround(static_cast<double>(age.count()) * (0.9 + 0.2 * chance)));
}

ClientSession::ClientSession(Worker& worker, std::unique_ptr<net::Transport> transport,
                             std::string peer)
    : worker_(worker),
      ping_after_ms_(worker.config().limits.connection_ping_after.count()),
      ping_timeout_ms_(worker.config().limits.connection_ping_timeout.count()),
      idle_timeout_ms_(worker.config().limits.connection_idle_timeout.count()),
      account_{.peer = std::move(peer), .idle_since_ms = worker.loop().now_ms()},
      connection_(worker.loop(), worker.buffers(), *this, http2::Connection::Side::kServer,
                  std::move(transport), OptionsFor(worker.config().limits)),
      watch_(worker.loop(), [this] { Watch(); }),
      idle_(worker.loop(), [this] { LeaveIfIdle(); }),
      age_(worker.loop(), [this] { Leave("connection_age"); }) {
  const config::Limits& limits = worker.config().limits;
  watch_.Start(limits.http2_handshake_timeout.count());
  if (idle_timeout_ms_ > 0) idle_.Start(idle_timeout_ms_);
  if (limits.max_connection_age.count() > 0) {
    age_.Start(WithJitter(limits.max_connection_age, worker.Chance()).count());
  }
}

void ClientSession::OnRequest(http2::Stream& stream, http2::HeaderList headers, bool end,
                              bool headers_too_large) {
  Call::Begin(worker_, account_, stream, std::move(headers), end, headers_too_large);
}

void ClientSession::Watch() {
  if (!connection_.peer_spoke()) {
    worker_.shared().metrics.HitLimit("handshake");
    return connection_.Close("no HTTP/2 within the handshake time");
  }
  if (ping_outstanding_) {
    worker_.shared().metrics.HitLimit("connection_pings");
    return connection_.Close("no answer to a PING");
  }
  bool idle = std::exchange(bytes_seen_, connection_.bytes_received()) == bytes_seen_;
  if (idle) {
    ping_outstanding_ = true;
    connection_.Ping([this] { ping_outstanding_ = false; });
  }
  watch_.Start(idle ? ping_timeout_ms_ : ping_after_ms_);
}

void ClientSession::LeaveIfIdle() {
  const int64_t idle_ms =
      account_.open_calls > 0 ? 0 : worker_.loop().now_ms() - account_.idle_since_ms;
  if (idle_ms >= idle_timeout_ms_) return Leave("connection_idle");
  idle_.Start(idle_timeout_ms_ - idle_ms);
}

void ClientSession::Leave(std::string_view limit) {
  worker_.shared().metrics.HitLimit(limit);
  connection_.GracefulShutdown();
}

void ClientSession::OnClosed(http2::Connection& connection,
                             const http2::ConnectionClosure& closure) {
  const Shared& shared = worker_.shared();
  shared.metrics.closures.Add({{"reason", std::string(closure.reason())}}).Increment();
  if (!closure.limit.empty()) shared.metrics.HitLimit(closure.limit);
  shared.metrics.HitLimit("streams", connection.streams_refused());
  using Kind = http2::ConnectionClosure::Kind;
  if (closure.kind != Kind::kDone && closure.kind != Kind::kPeerClosed) {
    auto level = closure.kind == Kind::kFlood ? observe::Level::kWarn : observe::Level::kInfo;
    shared.logger.Log(level, "closed a client connection",
                      {{"reason", closure.reason()},
                       {"peer.address", std::string_view(account_.peer)},
                       {"error", std::string_view(closure.cause)}});
  }
  worker_.Remove(*this);  // destroys this
}

}  // namespace praefect::proxy
