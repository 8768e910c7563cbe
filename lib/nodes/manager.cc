#include "nodes/manager.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "nodes/health_tracker.h"
#include "nodes/node_metrics.h"
#include "nodes/prober.h"
#include "observe/mutex.h"

namespace praefect::nodes {
namespace {

using Clock = std::chrono::steady_clock;

Node MakeNode(const config::VirtualStorage& storage, const config::Node& configured, uint32_t id) {
  Node node;
  node.id = id;
  node.virtual_storage = storage.name;
  node.storage = configured.storage;
  node.address_text = configured.address;
  node.token = configured.token;
  node.primary = configured.primary;
  absl::StatusOr<config::Address> address = config::ParseNodeAddress(configured.address);
  if (address.ok() && address->kind != config::Address::Kind::kTls) {
    node.address = *std::move(address);
  } else {
    node.health = Health::kDown;
    node.reason = address.ok() ? "TLS to nodes is not supported yet" : "invalid address";
    node.key_to_check = kAddressKey;
  }
  return node;
}

int64_t SystemSeconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace

Snapshot InitialSnapshot(const config::Config& config) {
  Snapshot snapshot;
  uint32_t next_id = 0;
  for (const config::VirtualStorage& configured : config.virtual_storages) {
    VirtualStorage& storage = snapshot.virtual_storages.emplace_back();
    storage.name = configured.name;
    bool has_primary = false;
    for (const config::Node& node : configured.nodes) {
      has_primary |= node.primary;
      storage.nodes.push_back(MakeNode(configured, node, next_id++));
    }
    if (!has_primary && !storage.nodes.empty()) storage.nodes.front().primary = true;
  }
  return snapshot;
}

// One thread owns the state of all nodes; what the gRPC library's threads learn is handed to it.
class Manager::Impl {
 public:
  Impl(const config::Config& config, observe::Logger& logger, prometheus::Registry& registry,
       ManagerOptions options)
      : options_(std::move(options)),
        logger_(logger),
        current_(InitialSnapshot(config)),
        metrics_(registry, current_, config.prometheus.grpc_latency_buckets),
        published_(std::make_shared<const Snapshot>(current_)) {
    if (!options_.wall_clock) options_.wall_clock = SystemSeconds;
    for (VirtualStorage& storage : current_.virtual_storages) {
      for (Node& node : storage.nodes) AddProbe(node);
    }
  }

  ~Impl() { Stop(); }

  void Stop() {
    {
      observe::MutexLock lock(mutex_);
      stopping_ = true;
      wake_.NotifyOne();
    }
    if (thread_.joinable()) thread_.join();
    probes_.clear();  // the last results still come in, and are forgotten
  }

  void Start() {
    StartProbes();
    thread_ = std::thread([this] { Run(); });
  }

  std::shared_ptr<const Snapshot> snapshot() const {
    observe::MutexLock lock(mutex_);
    return published_;
  }

  void Subscribe(Subscriber subscriber) {
    subscriber(snapshot());
    subscribers_.push_back(std::move(subscriber));
  }

 private:
  struct Probe {
    Node* node = nullptr;
    HealthTracker tracker;
    ProbeResult::Cause cause = ProbeResult::Cause::kNone;  // of the last change
    bool under_way = false;
    std::optional<ProbeResult> health_check;  // while the token check is under way
    std::unique_ptr<Prober> prober;
  };
  using Results = std::vector<std::pair<Probe*, ProbeResult>>;

  void AddProbe(Node& node) {
    if (node.health == Health::kDown) return;  // it has no address to probe
    auto probe = std::make_unique<Probe>();
    probe->node = &node;
    probe->prober = std::make_unique<Prober>(node, options_.timeout, options_.wall_clock);
    probes_.push_back(std::move(probe));
  }

  void Run() {
    auto next_round = Clock::now() + options_.interval;
    Results results;
    while (WaitForResults(next_round, results)) {
      bool changed = false;
      for (auto& [probe, result] : results) {
        changed |= TakeResult(*probe, std::move(result));
      }
      if (changed) Publish();
      if (Clock::now() < next_round) continue;
      StartProbes();
      // After a pause of the machine, rounds are not made up for.
      next_round = std::max(next_round + options_.interval, Clock::now());
    }
  }

  // False when it is time to stop.
  bool WaitForResults(Clock::time_point until, Results& results) {
    results.clear();
    observe::MutexLock lock(mutex_);
    while (!stopping_ && results_.empty() && wake_.WaitUntil(lock, until)) {
    }
    results.swap(results_);
    return !stopping_;
  }

  void StartProbes() {
    for (const std::unique_ptr<Probe>& probe : probes_) {
      if (probe->under_way) continue;
      probe->under_way = true;
      probe->prober->CheckHealth(Collect(*probe));
    }
  }

  Prober::Done Collect(Probe& probe) {
    return [this, &probe](ProbeResult result) {
      observe::MutexLock lock(mutex_);
      results_.emplace_back(&probe, std::move(result));
      wake_.NotifyOne();
    };
  }

  // True when the node's entry changed. A good health check may have to wait for the token check.
  bool TakeResult(Probe& probe, ProbeResult result) {
    if (probe.health_check.has_value()) {
      ProbeResult health_check = *std::move(probe.health_check);
      probe.health_check.reset();
      return Apply(probe, probe.tracker.Observe(std::move(health_check), result));
    }
    if (!result.good() || !probe.tracker.TokenCheckDue()) {
      return Apply(probe, probe.tracker.Observe(std::move(result)));
    }
    probe.health_check = std::move(result);
    probe.prober->CheckToken(Collect(probe));
    return false;
  }

  bool Apply(Probe& probe, ProbeResult result) {
    probe.under_way = false;
    Node& node = *probe.node;
    metrics_.Observe(node.id, result);
    const Health health = probe.tracker.health();
    const bool same_cause = health != Health::kDown || result.good() || result.cause == probe.cause;
    if (health == node.health && same_cause) return false;
    node.health = health;
    probe.cause = result.cause;
    node.reason = health == Health::kDown ? std::move(result.reason) : std::string();
    node.key_to_check = health == Health::kDown ? result.key_to_check : std::string_view();
    Log(node);
    return true;
  }

  void Log(const Node& node) {
    if (node.health == Health::kUp) {
      logger_.Info("node is healthy", {{"virtual_storage", node.virtual_storage},
                                       {"storage", node.storage},
                                       {"address", node.address_text}});
    } else {
      logger_.Warn("error when pinging healthcheck", {{"virtual_storage", node.virtual_storage},
                                                      {"storage", node.storage},
                                                      {"address", node.address_text},
                                                      {"error", node.reason},
                                                      {"key", node.key_to_check}});
    }
  }

  void Publish() {
    const auto snapshot = std::make_shared<const Snapshot>(current_);
    {
      observe::MutexLock lock(mutex_);
      published_ = snapshot;
    }
    for (const Subscriber& subscriber : subscribers_) subscriber(snapshot);
  }

  ManagerOptions options_;  // constant after construction, like the next one
  observe::Logger& logger_;

  // Of the thread, once it runs.
  Snapshot current_;
  NodeMetrics metrics_;
  std::vector<Subscriber> subscribers_;
  std::vector<std::unique_ptr<Probe>> probes_;

  mutable observe::Mutex mutex_;
  observe::Condition wake_;
  std::shared_ptr<const Snapshot> published_ ABSL_GUARDED_BY(mutex_);
  Results results_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

Manager::Manager(const config::Config& config, observe::Logger& logger,
                 prometheus::Registry& registry, ManagerOptions options)
    : impl_(std::make_unique<Impl>(config, logger, registry, std::move(options))) {}

Manager::~Manager() = default;

void Manager::Start() { impl_->Start(); }
void Manager::Stop() { impl_->Stop(); }
std::shared_ptr<const Snapshot> Manager::snapshot() const { return impl_->snapshot(); }
void Manager::Subscribe(Subscriber subscriber) { impl_->Subscribe(std::move(subscriber)); }

}  // namespace praefect::nodes
