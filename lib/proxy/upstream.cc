#include "proxy/upstream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/disk_reading.h"

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
  reading_.reset();
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
  if (Usable()) return waiter.OnConnected(*current_);
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
  std::erase_if(writers_, [&](const Writer& writer) { return writer.waiter == &waiter; });
}

// ---- what may change a replica ----------------------------------------------------------------

bool Upstream::IsOn(const std::string& filesystem_id) const {
  return read_over_ == made_ && Usable() && (disk_.empty() || disk_ == filesystem_id);
}

// A disk that is not the right one is read again, however lately it was: the books may have taken
// another one since.
void Upstream::AcquireToWrite(Waiter& waiter, const nodes::Node& node) {
  const std::string& expected = node.disk.filesystem_id;
  if (expected.empty()) return Acquire(waiter);
  if (IsOn(expected)) return waiter.OnConnected(*current_);
  writers_.push_back({&waiter, expected});
  if (reading_ == nullptr) {
    reading_ = std::make_unique<DiskReading>(
        loop_, buffers_, *this,
        [this](const absl::StatusOr<std::string>& filesystem_id) { DiskRead(filesystem_id); });
  }
  if (!reading_->under_way()) reading_->Ask(node);
}

void Upstream::DiskRead(const absl::StatusOr<std::string>& filesystem_id) {
  if (filesystem_id.ok()) {
    read_over_ = reading_->connection();
    disk_ = *filesystem_id;
  }
  // Who asks from now on, also while these are told, comes behind them.
  for (size_t left = writers_.size(); left > 0 && !writers_.empty(); --left) {
    const Writer writer = std::move(writers_.front());
    writers_.erase(writers_.begin());
    const absl::Status status = Judge(filesystem_id, writer);
    status.ok() ? writer.waiter->OnConnected(*current_) : writer.waiter->OnConnectFailed(status);
  }
}

absl::Status Upstream::Judge(const absl::StatusOr<std::string>& read, const Writer& writer) const {
  if (!read.ok()) return read.status();
  if (IsOn(writer.filesystem_id)) return absl::OkStatus();
  if (read_over_ != made_ || !Usable()) {
    return absl::UnavailableError("the connection ended while its disk was read");
  }
  return absl::DataLossError(fmt::format("its filesystem_id was {} and is {}: another disk?",
                                         writer.filesystem_id, disk_));
}

// ---- connecting -------------------------------------------------------------------------------

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
  made_++;
  if (current_ != nullptr) current_->GracefulShutdown();  // it takes no more streams
  http2::Connection::Owner& owner = *this;
  http2::ConnectionOptions options;
  options.stream_window = kStreamWindow;
  options.max_output_bytes = kMaxOutputBytes;
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
