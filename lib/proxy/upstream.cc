#include "proxy/upstream.h"

#include <algorithm>
#include <utility>

namespace praefect::proxy {

Upstream::Upstream(net::EventLoop& loop, http2::Buffers& buffers, net::Resolver& resolver,
                   Target target, std::shared_ptr<nodes::Traffic> traffic)
    : loop_(loop),
      buffers_(buffers),
      resolver_(resolver),
      target_(std::move(target)),
      heading_(std::get_if<config::Address>(&target_)),
      traffic_(std::move(traffic)),
      random_(std::random_device()()) {}

// The connections go without a word to their owner.
Upstream::~Upstream() {
  connections_.clear();
  connector_.reset();
  current_ = nullptr;
  CountConnections();
}

void Upstream::CountConnections() {
  const auto all = static_cast<int64_t>(connections_.size());
  const int64_t current = current_ != nullptr ? 1 : 0;
  const Counts now{connector_ != nullptr ? 1 : 0, current, all - current};
  traffic_->connecting += now.connecting - counted_.connecting;
  traffic_->connected += now.connected - counted_.connected;
  traffic_->draining += now.draining - counted_.draining;
  counted_ = now;
}

void Upstream::Acquire(Waiter& waiter) {
  if (current_ != nullptr && current_->usable()) return waiter.OnConnected(*current_);
  if (connector_ == nullptr && backoff_.Waits(loop_.now_ms())) {
    traffic_->calls_backed_off++;
    return waiter.OnConnectFailed(last_failure_);
  }
  waiters_.push_back(&waiter);
  if (connector_ == nullptr) Dial();
}

void Upstream::Forget(Waiter& waiter) {
  std::erase(waiters_, &waiter);
  std::erase(notifying_, &waiter);
}

void Upstream::Drain() {
  if (auto* connection = std::exchange(current_, nullptr)) connection->GracefulShutdown();
  CountConnections();
}

void Upstream::Suspect(bool suspected) {
  suspected_ = suspected;
  for (auto& connection : connections_) connection->Suspect(suspected);
}

void Upstream::CloseAll() {
  for (auto& connection : connections_) connection->Close("Praefect is stopping");
}

void Upstream::Dial() {
  if (auto* address = std::get_if<config::Address>(&target_)) {
    connector_ = std::make_unique<net::Connector>(
        loop_, resolver_, *address, kConnectTimeoutMs,
        [this](absl::StatusOr<std::unique_ptr<net::Transport>> transport) {
          auto done = std::move(connector_);
          Connected(std::move(transport));
        },
        tls_);
    return CountConnections();
  }
  auto fd = std::get<const LocalEndpoint*>(target_)->connect();
  if (!fd.ok()) return Connected(fd.status());
  Connected(net::MakePlainTransport(*fd, "local"));
}

void Upstream::NoteFailure(absl::Status why) {
  std::uniform_real_distribution<double> chance;
  backoff_.Failed(loop_.now_ms(), chance(random_));
  last_failure_ = std::move(why);
}

void Upstream::Connected(absl::StatusOr<std::unique_ptr<net::Transport>> transport) {
  notifying_ = std::exchange(waiters_, {});
  if (!transport.ok()) {
    CountConnections();
    traffic_->connect_failures++;
    NoteFailure(transport.status());
    while (Waiter* waiter = NextToNotify()) waiter->OnConnectFailed(transport.status());
    return;
  }
  traffic_->connections_made++;
  if (current_ != nullptr) current_->GracefulShutdown();  // it takes no more streams
  http2::Connection::Owner& owner = *this;
  http2::ConnectionOptions options;
  options.stream_window = kStreamWindow;
  options.keepalive_timeout_ms = keepalive_timeout_.count();
  connections_.push_back(std::make_unique<http2::Connection>(
      loop_, buffers_, owner, http2::Connection::Side::kClient, *std::move(transport), options));
  current_ = connections_.back().get();
  current_->Suspect(suspected_);
  CountConnections();
  while (Waiter* waiter = NextToNotify()) Acquire(*waiter);
}

Upstream::Waiter* Upstream::NextToNotify() {
  if (notifying_.empty()) return nullptr;
  Waiter* waiter = notifying_.front();
  notifying_.erase(notifying_.begin());
  return waiter;
}

void Upstream::OnRequest(http2::Stream& stream, http2::HeaderList, bool, bool) {
  stream.Reset(http2::kRefusedStream);  // a node has nothing to ask
}

void Upstream::OnGoaway(http2::Connection& connection) {
  if (current_ == &connection) current_ = nullptr;
  CountConnections();
}

void Upstream::OnClosed(http2::Connection& connection, const http2::ConnectionClosure& closure) {
  if (current_ == &connection) current_ = nullptr;
  using Kind = http2::ConnectionClosure::Kind;
  if (closure.kind != Kind::kDone && closure.kind != Kind::kLocal) {
    (closure.kind == Kind::kFrozen ? traffic_->connections_frozen : traffic_->connections_lost)++;
    // Whoever takes connections and says nothing on them is no better than who refuses them.
    if (!connection.peer_spoke()) NoteFailure(absl::UnavailableError(closure.cause));
  }
  if (connection.peer_spoke()) backoff_.Reset();
  std::erase_if(connections_, [&](auto& owned) { return owned.get() == &connection; });
  CountConnections();
}

}  // namespace praefect::proxy
