#include "proxy/client_session.h"

#include <utility>

#include "proxy/call.h"
#include "proxy/worker.h"

namespace praefect::proxy {
namespace {

http2::ConnectionOptions OptionsFor(const config::Limits& limits) {
  http2::ConnectionOptions options;
  options.max_concurrent_streams = limits.max_streams_per_connection;
  options.max_header_list_bytes = limits.max_header_list_bytes;
  options.max_header_fields = limits.max_header_fields;
  options.floods = {limits.max_resets_per_second, limits.max_pings_per_second,
                    limits.max_settings_per_second};
  return options;
}

}  // namespace

ClientSession::ClientSession(Worker& worker, std::unique_ptr<net::Transport> transport,
                             std::string peer)
    : worker_(worker),
      peer_(std::move(peer)),
      connection_(worker.loop(), worker.buffers(), *this, http2::Connection::Side::kServer,
                  std::move(transport), OptionsFor(worker.config().limits)),
      watch_(worker.loop(), [this] { Watch(); }) {
  watch_.Start(kHandshakeTimeoutMs);
}

void ClientSession::OnRequest(http2::Stream& stream, http2::HeaderList headers, bool end,
                              bool headers_too_large) {
  Call::Begin(worker_, peer_, stream, std::move(headers), end, headers_too_large);
}

void ClientSession::Watch() {
  if (!connection_.peer_spoke()) {
    worker_.shared().metrics.HitLimit("handshake");
    return connection_.Close("no HTTP/2 within the handshake time");
  }
  if (ping_outstanding_) return connection_.Close("no answer to a PING");
  bool idle = std::exchange(bytes_seen_, connection_.bytes_received()) == bytes_seen_;
  if (idle) {
    ping_outstanding_ = true;
    connection_.Ping([this] { ping_outstanding_ = false; });
  }
  watch_.Start(idle ? kPingTimeoutMs : kPingAfterIdleMs);
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
                       {"peer.address", std::string_view(peer_)},
                       {"error", std::string_view(closure.cause)}});
  }
  worker_.Remove(*this);  // destroys this
}

}  // namespace praefect::proxy
