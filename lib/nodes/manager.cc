#include "nodes/manager.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "nodes/disk_tracker.h"
#include "nodes/error_tracker.h"
#include "nodes/health_tracker.h"
#include "nodes/membership.h"
#include "nodes/node_metrics.h"
#include "nodes/prober.h"
#include "nodes/tls_diagnosis.h"
#include "nodes/trust.h"
#include "observe/mutex.h"
#include "observe/thread.h"

namespace praefect::nodes {
namespace {

using Clock = std::chrono::steady_clock;

int64_t SystemSeconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

bool HasAddress(const Node& node) {
  return !node.address.host.empty() || !node.address.path.empty();
}

std::string RootsOf(const Node& node) { return node.tls == nullptr ? "" : node.tls->roots_pem(); }

}  // namespace

// One thread owns the state of all nodes; what the gRPC library's threads learn is handed to it.
class Manager::Impl {
 public:
  Impl(const config::Config& config, observe::Logger& logger, prometheus::Registry& registry,
       ManagerOptions options)
      : options_(std::move(options)),
        logger_(logger),
        thresholds_(config.error_thresholds),
        current_(NodesOf(config.virtual_storages, {}, next_id_)),
        metrics_(registry, config.prometheus.grpc_latency_buckets) {
    if (!options_.wall_clock) options_.wall_clock = SystemSeconds;
    Trust(current_, ReadTrust(config, logger_));
    metrics_.Follow(current_);
    FollowWithProbes();
    published_ = std::make_shared<const Snapshot>(current_);
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
    thread_ = observe::StartThread("node-probes", [this] { Run(); });
  }

  std::shared_ptr<const Snapshot> snapshot() const {
    observe::MutexLock lock(mutex_);
    return published_;
  }

  void Subscribe(Subscriber subscriber) {
    subscriber(snapshot());
    subscribers_.push_back(std::move(subscriber));
  }

  void Designate(Designated designated) {
    observe::MutexLock lock(mutex_);
    designated_ = std::move(designated);
    wake_.NotifyOne();
  }

  void Reload(const config::Config& config) {
    Wanted wanted{config.virtual_storages, config.error_thresholds, ReadTrust(config, logger_)};
    observe::MutexLock lock(mutex_);
    reload_ = std::move(wanted);
    wake_.NotifyOne();
  }

  void ExpectDisks(std::vector<ExpectedDisk> disks) {
    observe::MutexLock lock(mutex_);
    disks_ = std::move(disks);
    wake_.NotifyOne();
  }

 private:
  struct Probe {
    uint64_t number = 0;   // of no other probe, ever
    Node* node = nullptr;  // in current_
    std::string token;     // that the prober sends
    std::string roots;     // that it trusts
    HealthTracker tracker;
    DiskTracker disk;
    ErrorTracker errors;
    ProbeResult::Cause cause = ProbeResult::Cause::kNone;  // of the last change
    bool under_way = false;
    uint64_t connections = 0;  // made and lost by workers, as far as they were looked at
    std::optional<ProbeResult> health_check;  // while the token check is under way
    std::unique_ptr<Prober> prober;
  };
  using Probes = std::vector<std::unique_ptr<Probe>>;
  // Results name probes by number: what was under way when a probe ended still comes in.
  using Results = std::vector<std::pair<uint64_t, ProbeResult>>;
  struct Wanted {
    std::vector<config::VirtualStorage> storages;
    config::ErrorThresholds thresholds;
    std::shared_ptr<const net::TlsClientContext> trust;
  };
  using Configured = std::optional<Wanted>;
  using Disks = std::optional<std::vector<ExpectedDisk>>;
  struct News {
    Results results;
    Configured configured;
    Disks disks;
    std::optional<Designated> designated;
  };

  // One probe for each node that has an address; those that go on are kept.
  void FollowWithProbes() {
    Probes before = std::exchange(probes_, {});
    for (VirtualStorage& storage : current_.virtual_storages) {
      for (Node& node : storage.nodes) {
        if (!HasAddress(node)) continue;
        const auto same = [&](const std::unique_ptr<Probe>& probe) {
          return probe != nullptr && probe->node->id == node.id;
        };
        const auto found = std::find_if(before.begin(), before.end(), same);
        const bool is_new = found == before.end();
        probes_.push_back(is_new ? std::make_unique<Probe>() : std::move(*found));
        Attach(*probes_.back(), node);
      }
    }
    // The rest of `before` cancels what it has under way, and waits for that.
    CompareDisks();
  }

  // To a node that it may have been attached to before. Another token, or other roots to trust,
  // take another prober, and nothing of what the former one has under way counts.
  void Attach(Probe& probe, Node& node) {
    probe.node = &node;
    const bool same = probe.token == node.token && probe.roots == RootsOf(node);
    if (probe.prober != nullptr && same) return;
    if (probe.prober != nullptr) probe.tracker.CheckTokenNext();
    probe.number = next_probe_++;
    probe.token = node.token;
    probe.roots = RootsOf(node);
    probe.under_way = false;
    probe.health_check.reset();
    probe.prober =
        std::make_unique<Prober>(node, options_.timeout, options_.wall_clock, diagnosis_);
  }

  void Run() {
    auto next_round = Clock::now() + options_.interval;
    News news;
    while (WaitForWork(next_round, news)) {
      bool changed = news.configured.has_value();
      for (auto& [number, result] : news.results) {
        changed |= TakeResult(number, std::move(result));
      }
      if (news.disks.has_value()) {
        expected_disks_ = *std::move(news.disks);
        changed |= CompareDisks();
      }
      if (news.configured.has_value()) TakeConfiguration(*news.configured);
      if (news.designated.has_value()) changed |= TakeDesignations(*news.designated);
      const bool round = Clock::now() >= next_round;
      if (round) changed |= JudgeErrors();
      if (changed) Publish();
      if (!round) continue;
      StartProbes();
      // After a pause of the machine, rounds are not made up for.
      next_round = std::max(next_round + options_.interval, Clock::now());
    }
  }

  // False when it is time to stop.
  bool WaitForWork(Clock::time_point until, News& news) {
    news = {};
    observe::MutexLock lock(mutex_);
    while (!stopping_ && results_.empty() && !reload_ && !disks_ && !designated_ &&
           wake_.WaitUntil(lock, until)) {
    }
    news.results.swap(results_);
    news.configured.swap(reload_);
    news.disks.swap(disks_);
    news.designated.swap(designated_);
    return !stopping_;
  }

  void TakeConfiguration(const Wanted& wanted) {
    thresholds_ = wanted.thresholds;
    // Probes point into it until they follow.
    const Snapshot before = std::exchange(current_, NodesOf(wanted.storages, current_, next_id_));
    Trust(current_, wanted.trust);
    metrics_.Follow(current_);
    FollowWithProbes();
    LogMissing("node removed", before, current_);
    LogMissing("node added", current_, before);
    StartProbes();
  }

  bool TakeDesignations(const Designated& designated) {
    if (!nodes::Designate(current_, designated)) return false;
    metrics_.Follow(current_);
    return true;
  }

  // The nodes of `in` that are not in `from`.
  void LogMissing(std::string_view message, const Snapshot& in, const Snapshot& from) {
    for (const VirtualStorage& storage : in.virtual_storages) {
      for (const Node& node : storage.nodes) {
        if (from.FindNode(node.id) != nullptr) continue;
        logger_.Info(message, {{"virtual_storage", node.virtual_storage},
                               {"storage", node.storage},
                               {"address", node.address_text}});
      }
    }
  }

  void StartProbes() {
    metrics_.Collect(current_);
    for (const std::unique_ptr<Probe>& probe : probes_) {
      // Who comes back may have another disk.
      const Traffic& traffic = *probe->node->traffic;
      const uint64_t connections = traffic.connections_lost + traffic.connections_made;
      if (std::exchange(probe->connections, connections) != connections) {
        probe->tracker.CheckTokenNext();
      }
      if (probe->under_way) continue;
      probe->under_way = true;
      probe->prober->CheckHealth(Collect(*probe));
    }
  }

  Prober::Done Collect(Probe& probe) {
    return [this, number = probe.number](ProbeResult result) {
      observe::MutexLock lock(mutex_);
      results_.emplace_back(number, std::move(result));
      wake_.NotifyOne();
    };
  }

  // True when the node's entry changed. A good health check may have to wait for the token check.
  bool TakeResult(uint64_t number, ProbeResult result) {
    const auto found = std::find_if(probes_.begin(), probes_.end(),
                                    [&](const auto& each) { return each->number == number; });
    if (found == probes_.end()) return false;
    Probe& probe = **found;
    if (probe.health_check.has_value()) {
      ProbeResult health_check = *std::move(probe.health_check);
      probe.health_check.reset();
      const bool news = result.facts.has_value() && TakeFacts(probe, *result.facts);
      return Apply(probe, probe.tracker.Observe(std::move(health_check), result)) || news;
    }
    const bool doubt = probe.disk.disk().doubt != DiskDoubt::kNone;
    if (!result.good()) probe.tracker.CheckTokenNext();  // who comes back may have another disk
    if (!result.good() || !(probe.tracker.TokenCheckDue() || doubt)) {
      return Apply(probe, probe.tracker.Observe(std::move(result)));
    }
    probe.health_check = std::move(result);
    probe.prober->CheckToken(Collect(probe));
    return false;
  }

  static std::chrono::milliseconds Now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch());
  }

  // The next four tell whether a node's entry changed.
  bool TakeFacts(Probe& probe, const ServerFacts& facts) {
    Node& node = *probe.node;
    probe.disk.Observe(Now(), facts, node.storage);
    const bool same =
        node.server_version == facts.server_version && node.git_version == facts.git_version;
    node.server_version = facts.server_version;
    node.git_version = facts.git_version;
    return JudgeDisks() || !same;
  }

  bool CompareDisks() {
    for (const auto& probe : probes_) {
      for (const ExpectedDisk& disk : expected_disks_) {
        const Node& node = *probe->node;
        if (disk.virtual_storage != node.virtual_storage || disk.storage != node.storage) continue;
        probe->disk.Expect(Now(), disk.filesystem_id);
      }
    }
    return JudgeDisks();
  }

  bool JudgeDisks() {
    std::vector<Disk> before;
    for (const auto& probe : probes_) {
      before.push_back(std::exchange(probe->node->disk, probe->disk.disk()));
    }
    for (VirtualStorage& storage : current_.virtual_storages) DoubtSharedDisks(storage);
    bool changed = false;
    for (size_t i = 0; i < probes_.size(); i++) {
      const Node& node = *probes_[i]->node;
      changed |= node.disk != before[i];
      // That it was not compared is said by nobody, and so is not taken back.
      const auto told_of = [](const Disk& disk) {
        const bool untold = disk.doubt == DiskDoubt::kNotCompared;
        return std::pair(untold ? DiskDoubt::kNone : disk.doubt, disk.suspect);
      };
      if (told_of(node.disk) != told_of(before[i])) LogDisk(node);
    }
    return changed;
  }

  bool JudgeErrors() {
    bool changed = false;
    for (const auto& probe : probes_) {
      Node& node = *probe->node;
      probe->errors.Observe(Now(), {node.traffic->failed_reads, node.traffic->failed_writes},
                            thresholds_);
      if (node.degraded == probe->errors.reason()) continue;
      node.degraded = probe->errors.reason();
      changed = true;
      LogErrors(node);
    }
    return changed;
  }

  void LogDisk(const Node& node) {
    if (node.disk.doubt == DiskDoubt::kNone) {
      return logger_.Info("the node's disk is the one that it was",
                          {{"virtual_storage", node.virtual_storage},
                           {"storage", node.storage},
                           {"address", node.address_text}});
    }
    logger_.Error(node.disk.suspect ? "the node's disk is suspect, nothing is written there"
                                    : "the node's disk is in doubt, nothing is written there",
                  {{"virtual_storage", node.virtual_storage},
                   {"storage", node.storage},
                   {"address", node.address_text},
                   {"error", node.disk.text}});
  }

  void LogErrors(const Node& node) {
    if (node.degraded.empty()) {
      return logger_.Info("the node fails few calls again",
                          {{"virtual_storage", node.virtual_storage},
                           {"storage", node.storage},
                           {"address", node.address_text}});
    }
    logger_.Warn("the node answers probes and fails calls",
                 {{"virtual_storage", node.virtual_storage},
                  {"storage", node.storage},
                  {"address", node.address_text},
                  {"error", node.degraded}});
  }

  bool Apply(Probe& probe, ProbeResult result) {
    probe.under_way = false;
    Node& node = *probe.node;
    metrics_.Observe(node, result);
    const Health health = probe.tracker.health();
    const bool same_cause =
        health != Health::kDown || result.good() ||
        (result.cause == probe.cause &&
         (result.cause != ProbeResult::Cause::kTls || result.reason == node.reason));
    if (health == node.health && same_cause) return false;
    node.health = health;
    probe.cause = result.cause;
    node.reason = health == Health::kDown ? std::move(result.reason) : std::string();
    node.key_to_check = health == Health::kDown ? result.key_to_check : std::string_view();
    node.silent = health == Health::kDown && (result.cause == ProbeResult::Cause::kTimeout ||
                                              result.cause == ProbeResult::Cause::kUnreachable);
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
    current_.started |= current_.FindUnknown() == nullptr;
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
  config::ErrorThresholds thresholds_;
  uint32_t next_id_ = 0;
  uint64_t next_probe_ = 0;
  Snapshot current_;
  NodeMetrics metrics_;
  std::vector<Subscriber> subscribers_;
  TlsDiagnosis diagnosis_;  // thread-safe
  Probes probes_;
  std::vector<ExpectedDisk> expected_disks_;

  mutable observe::Mutex mutex_;
  observe::Condition wake_;
  std::shared_ptr<const Snapshot> published_ ABSL_GUARDED_BY(mutex_);
  Results results_ ABSL_GUARDED_BY(mutex_);
  Configured reload_ ABSL_GUARDED_BY(mutex_);
  Disks disks_ ABSL_GUARDED_BY(mutex_);
  std::optional<Designated> designated_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

Manager::Manager(const config::Config& config, observe::Logger& logger,
                 prometheus::Registry& registry, ManagerOptions options)
    : impl_(std::make_unique<Impl>(config, logger, registry, std::move(options))) {}

Manager::~Manager() = default;

void Manager::Start() { impl_->Start(); }
void Manager::Stop() { impl_->Stop(); }
void Manager::Designate(std::map<std::string, std::string> designated) {
  impl_->Designate(std::move(designated));
}
std::shared_ptr<const Snapshot> Manager::snapshot() const { return impl_->snapshot(); }
void Manager::Reload(const config::Config& config) { impl_->Reload(config); }
void Manager::ExpectDisks(std::vector<ExpectedDisk> disks) { impl_->ExpectDisks(std::move(disks)); }
void Manager::Subscribe(Subscriber subscriber) { impl_->Subscribe(std::move(subscriber)); }

}  // namespace praefect::nodes
