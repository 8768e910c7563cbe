#include "proxy/server.h"

#include <absl/strings/str_cat.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "net/inherited_sockets.h"
#include "net/listener.h"
#include "observe/mutex.h"
#include "proxy/metrics.h"
#include "proxy/worker.h"

namespace praefect::proxy {
namespace {

constexpr int64_t kBetweenAcceptLinesMs = 10'000;  // of the log, while descriptors are lacking

uint32_t CpusAllowed() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<uint32_t>(std::max(CPU_COUNT(&set), 1));
}

const char* KindOf(const config::Address& address) {
  switch (address.kind) {
    case config::Address::Kind::kUnix:
      return "unix";
    case config::Address::Kind::kTls:
      return "tls";
    case config::Address::Kind::kTcp:
      break;
  }
  return "tcp";
}

int64_t UnixSeconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

// A socket that was handed over, or one of our own.
absl::StatusOr<std::unique_ptr<net::ListeningSocket>> BindKey(net::InheritedSockets& inherited,
                                                              std::string_view key,
                                                              std::string text) {
  auto named = [&](const absl::Status& status) {
    return absl::Status(status.code(), absl::StrCat(absl::string_view(key.data(), key.size()),
                                                    " \"", text, "\": ", status.message()));
  };
  auto address = config::ParseListenAddress(text);
  if (!address.ok()) return named(address.status());
  if (key == "tls_listen_addr") address->kind = config::Address::Kind::kTls;
  auto socket = inherited.Take(key, *address);
  if (socket.ok() && *socket == nullptr) socket = net::ListeningSocket::Bind(*address);
  if (!socket.ok()) return named(socket.status());
  return socket;
}

// Of workers to a question; outlives whoever does not wait for all of them.
class Answers {
 public:
  void Count() {
    observe::MutexLock lock(mutex_);
    count_++;
    changed_.NotifyAll();
  }
  bool Wait(size_t wanted, std::chrono::steady_clock::time_point deadline) {
    observe::MutexLock lock(mutex_);
    while (count_ < wanted && changed_.WaitUntil(lock, deadline)) {
    }
    return count_ >= wanted;
  }

 private:
  observe::Mutex mutex_;
  observe::Condition changed_;
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

class Server::Impl {
 public:
  explicit Impl(const Dependencies& d)
      : config_(d.config),
        logger_(d.logger),
        metrics_(d.metrics, *config_, memory_),
        shared_{d.methods,         d.local,         d.logger, metrics_,  memory_,
                enlarged_windows_, health_watches_, clients_, resolver_, books_} {
    uint32_t count = config_->workers > 0 ? config_->workers : CpusAllowed();
    for (uint32_t i = 0; i < count; i++) {
      workers_.push_back(std::make_unique<Worker>(shared_, config_, i));
    }
    d.nodes.Subscribe([this](std::shared_ptr<const nodes::Snapshot> snapshot) {
      for (auto& worker : workers_) worker->Publish(snapshot);
    });
  }

  ~Impl() { Stop(); }

  absl::Status Bind(net::InheritedSockets& inherited) {
    for (auto [key, text] : {std::pair{"listen_addr", config_->listen_addr},
                             std::pair{"tls_listen_addr", config_->tls_listen_addr},
                             std::pair{"socket_path", config_->socket_path}}) {
      if (text.empty()) continue;
      bool unix_path = std::string_view(key) == "socket_path" && text.substr(0, 5) != "unix:";
      auto socket = BindKey(inherited, key, unix_path ? "unix:" + text : text);
      if (!socket.ok()) return socket.status();
      addresses_.push_back((*socket)->address());
      bound_.push_back(*std::move(socket));
    }
    return ReplaceTls(config_->tls);
  }

  absl::Status ReplaceTls(const config::Tls& tls) {
    if (!serves_tls()) return absl::OkStatus();
    auto context = net::TlsServerContext::Make(tls);
    if (!context.ok()) return context.status();
    const std::string warning = (*context)->Warning(UnixSeconds());
    if (!warning.empty()) logger_.Warn(warning, {{"key", "tls.certificate_path"}});
    metrics_.tls_not_after.Add({}).Set(static_cast<double>((*context)->not_after()));
    workers_.front()->Post([this, context = *std::move(context)] { tls_ = context; });
    return absl::OkStatus();
  }

  void Start(Books books) {
    books_ = books;
    for (auto& worker : workers_) worker->Start();
    // The first worker accepts for all: see ARCHITECTURE.md, "One acceptor".
    workers_.front()->Post([this] {
      for (auto& socket : bound_) Accept(std::move(socket));
      bound_.clear();
    });
    running_ = true;
    for (const config::Address& address : addresses_) {
      std::string text = address.kind == config::Address::Kind::kUnix
                             ? address.path
                             : address.ToString().substr(strlen("tcp://"));  // or tls://
      logger_.Info("listening at address",
                   {{"address", std::string_view(text)}, {"schema", KindOf(address)}});
    }
  }

  void Reload(const std::shared_ptr<const config::Config>& config) {
    for (auto& worker : workers_) worker->Reload(config);
  }

  bool WorkersAnswer(std::chrono::steady_clock::time_point deadline) {
    auto answers = std::make_shared<Answers>();
    for (auto& worker : workers_) {
      worker->Post([answers] { answers->Count(); });
    }
    return answers->Wait(workers_.size(), deadline);
  }

  void Drain() {
    if (!running_) return;
    workers_.front()->Post([this] { acceptors_.clear(); });
    for (auto& worker : workers_) worker->Drain();
  }

  void EndCalls() {
    if (!running_) return;
    for (auto& worker : workers_) worker->EndCalls();
  }

  void EndInstance(int64_t instance) {
    for (auto& worker : workers_) worker->EndInstance(instance);
  }

  void Stop() {
    if (!std::exchange(running_, false)) return;
    workers_.front()->Post([this] { acceptors_.clear(); });
    for (auto& worker : workers_) worker->Stop();
    for (auto& worker : workers_) worker->Join();
  }

  int64_t open_calls() const { return std::llround(metrics_.open_calls.Value()); }
  ClientCount& clients() { return clients_; }
  const std::vector<config::Address>& addresses() const { return addresses_; }

 private:
  void Accept(std::unique_ptr<net::ListeningSocket> socket) {
    const char* kind = KindOf(socket->address());
    prometheus::Counter& accepted = metrics_.connections.Add({{"type", kind}});
    prometheus::Counter& accepted_too = metrics_.praefect_connections.Add({{"type", kind}});
    net::Acceptor::Callbacks callbacks;
    const bool tls = socket->address().kind == config::Address::Kind::kTls;
    callbacks.accepted = [this, kind, tls, &accepted, &accepted_too](int fd, std::string peer) {
      accepted.Increment();
      accepted_too.Increment();
      Place({fd, std::move(peer), kind, tls ? tls_ : nullptr});
    };
    callbacks.failed = [this](int error) { AcceptFailed(error); };
    acceptors_.push_back(std::make_unique<net::Acceptor>(workers_.front()->loop(),
                                                         std::move(socket), std::move(callbacks)));
  }

  // Comes ten times a second for as long as descriptors are lacking.
  void AcceptFailed(int error) {
    metrics_.accept_failures.Increment();
    const int64_t now_ms = workers_.front()->loop().now_ms();
    if (now_ms < next_accept_line_ms_) return;
    next_accept_line_ms_ = now_ms + kBetweenAcceptLinesMs;
    logger_.Error("cannot accept connections, which wait until it works again",
                  {{"error", std::string_view(strerror(error))},
                   {"hint", "raise the limit of open files (LimitNOFILE= of the service)"}});
  }

  bool serves_tls() const {
    return std::any_of(addresses_.begin(), addresses_.end(), [](const config::Address& address) {
      return address.kind == config::Address::Kind::kTls;
    });
  }

  void Place(Arrival arrival) {
    if (!clients_.Add(workers_.front()->config().limits.max_connections)) {
      metrics_.refusals.Add({{"reason", "max_connections"}}).Increment();
      metrics_.HitLimit("connections");
      close(arrival.fd);
      return;
    }
    metrics_.client_connections.Increment();
    auto fewer = [](auto& a, auto& b) { return a->client_count() < b->client_count(); };
    (*std::min_element(workers_.begin(), workers_.end(), fewer))->AddClient(std::move(arrival));
  }

  const std::shared_ptr<const config::Config> config_;  // as of the start
  observe::Logger& logger_;
  http2::MemoryMeter memory_;
  Metrics metrics_;
  std::atomic<int64_t> enlarged_windows_{0};
  std::atomic<int64_t> health_watches_{0};
  ClientCount clients_;
  net::Resolver resolver_;
  Books books_;  // set before the workers run
  const Shared shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<config::Address> addresses_;
  std::vector<std::unique_ptr<net::ListeningSocket>> bound_;  // until Start
  // The first worker's.
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  std::shared_ptr<const net::TlsServerContext> tls_;  // for new connections
  int64_t next_accept_line_ms_ = 0;
  bool running_ = false;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

absl::StatusOr<std::unique_ptr<Server>> Server::Listen(const Dependencies& dependencies) {
  auto impl = std::make_unique<Impl>(dependencies);
  if (auto bound = impl->Bind(dependencies.inherited); !bound.ok()) return bound;
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::Start(Books books) { impl_->Start(books); }
std::vector<config::Address> Server::addresses() const { return impl_->addresses(); }
void Server::Reload(std::shared_ptr<const config::Config> config) { impl_->Reload(config); }
absl::Status Server::ReplaceTls(const config::Tls& tls) { return impl_->ReplaceTls(tls); }
bool Server::WorkersAnswer(std::chrono::steady_clock::time_point deadline) {
  return impl_->WorkersAnswer(deadline);
}
int64_t Server::open_calls() const { return impl_->open_calls(); }
void Server::Drain() { impl_->Drain(); }
void Server::EndInstance(int64_t instance) { impl_->EndInstance(instance); }
void Server::EndCalls() { impl_->EndCalls(); }
bool Server::WaitDrained(std::chrono::steady_clock::time_point deadline) {
  return impl_->clients().WaitForNone(deadline);
}
void Server::Stop() { impl_->Stop(); }

}  // namespace praefect::proxy
