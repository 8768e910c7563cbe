#include "proxy/worker.h"

#include <utility>

#include "gitaly/metadata.h"
#include "net/transport.h"
#include "observe/thread.h"
#include "proxy/client_session.h"

namespace praefect::proxy {
namespace {

constexpr int64_t kLastHandshakesMs = 1'000;  // for those that are under way when draining begins
constexpr int64_t kCallsLookMs = 500;         // between two looks at all calls

}  // namespace

bool ClientCount::Add(uint32_t limit) {
  std::lock_guard lock(mutex_);
  if (count_ >= limit) return false;
  count_++;
  return true;
}

void ClientCount::Remove() {
  std::lock_guard lock(mutex_);
  if (--count_ == 0) none_.notify_all();
}

bool ClientCount::WaitForNone(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return none_.wait_until(lock, deadline, [this] { return count_ == 0; });
}

Worker::Worker(const Shared& shared, std::shared_ptr<const config::Config> config, uint32_t number)
    : shared_(shared),
      buffers_(shared.memory),
      config_(std::move(config)),
      authenticator_(config_->auth),
      mailbox_(std::make_shared<Mailbox>(loop_)),
      left_calls_(loop_, shared_.metrics),
      routes_(shared.books),
      counters_(shared.metrics, shared.methods),
      local_upstream_(std::make_shared<Upstream>(loop_, buffers_, shared.resolver, &shared_.local,
                                                 std::make_shared<nodes::Traffic>())),
      upstreams_(loop_, buffers_, shared.resolver, config_->keepalive_timeout,
                 [this] { shared_.metrics.HitLimit("lanes"); }),
      handshakes_(loop_, shared_.metrics, shared_.logger,
                  [this](std::unique_ptr<net::Transport> transport, std::string peer) {
                    if (transport == nullptr) return CountLeft();
                    Admit(std::move(transport), std::move(peer));
                  }),
      drain_timer_(loop_, [this] { handshakes_.EndAll(); }),
      look_timer_(loop_, [this] { LookAtCalls(); }),
      random_(std::random_device()()),
      delay_seconds_(shared.metrics.loop_delay.Add({{"worker", std::to_string(number)}})),
      delay_(loop_, [this](double seconds) { delay_seconds_.Observe(seconds); }) {}

Worker::~Worker() { mailbox_->Close(); }

void Worker::Start() {
  loop_.Post([this] {
    mailbox_->Open();
    delay_.Start();
    LookAtCalls();
  });
  thread_ = observe::StartThread("worker", [this] { loop_.Run(); });
}

void Worker::Publish(std::shared_ptr<const nodes::Snapshot> snapshot) {
  // A copy of our own: its reference count is then written by this thread only.
  loop_.Post([this, copy = std::make_shared<const nodes::Snapshot>(*snapshot)]() mutable {
    upstreams_.TakeSnapshot(std::move(copy));
  });
}

void Worker::Reload(std::shared_ptr<const config::Config> config) {
  loop_.Post([this, config = std::move(config)]() mutable {
    authenticator_.emplace(config->auth);
    config_ = std::move(config);
    upstreams_.set_keepalive_timeout(config_->keepalive_timeout);
  });
}

void Worker::AddClient(Arrival arrival) {
  client_count_.fetch_add(1, std::memory_order_relaxed);
  loop_.Post([this, arrival = std::move(arrival)]() mutable {
    if (arrival.tls == nullptr) {
      return Admit(net::MakePlainTransport(arrival.fd, arrival.kind), std::move(arrival.peer));
    }
    handshakes_.Begin(arrival.fd, std::move(arrival.peer), std::move(arrival.tls),
                      config_->limits.tls_handshake_timeout);
  });
}

void Worker::Admit(std::unique_ptr<net::Transport> transport, std::string peer) {
  auto session = std::make_unique<ClientSession>(*this, std::move(transport), std::move(peer));
  if (draining_) session->Drain();
  auto* key = session.get();
  clients_.emplace(key, std::move(session));
}

void Worker::Remove(ClientSession& session) {
  clients_.erase(&session);
  CountLeft();
}

void Worker::CountLeft() {
  client_count_.fetch_sub(1, std::memory_order_relaxed);
  shared_.metrics.client_connections.Decrement();
  shared_.clients.Remove();
}

void Worker::Drain() {
  loop_.Post([this] {
    draining_ = true;
    drain_timer_.Start(kLastHandshakesMs);
    for (auto& [key, session] : clients_) session->Drain();
  });
}

void Worker::EndCalls() {
  loop_.Post([this] {
    ending_calls_ = true;
    calls_.EndAll();
    left_calls_.EndAll();
  });
}

void Worker::EndInstance(int64_t instance) {
  loop_.Post([this, instance] {
    calls_.EndInstance(instance);
    left_calls_.EndInstance(instance);
  });
}

void Worker::Stop() {
  loop_.Post([this] {
    handshakes_.EndAll();
    for (auto& [key, session] : clients_) session->Close();
    upstreams_.CloseAll();
    local_upstream_->CloseAll();
  });
  loop_.Stop();  // after the round in which everything was closed
}

void Worker::Join() {
  if (thread_.joinable()) thread_.join();
  mailbox_->Close();
  loop_.DropPosted();
}

// A timer of its own for every call would cost the short ones more than this costs all.
void Worker::LookAtCalls() {
  calls_.LookAtAll(std::chrono::steady_clock::now());
  look_timer_.Start(kCallsLookMs);
}

double Worker::Chance() { return std::uniform_real_distribution<double>()(random_); }

std::string Worker::NewCorrelationId() {
  return gitaly::MakeCorrelationId(std::chrono::system_clock::now(), random_);
}

}  // namespace praefect::proxy
