#include "config/validate.h"

#include <absl/strings/ascii.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "config/database_rules.h"
#include "config/listener_rules.h"
#include "config/number_rules.h"
#include "config/replication_rules.h"
#include "config/upkeep_rules.h"
#include "config/virtual_storage_rules.h"

namespace praefect::config {
namespace {

template <class Range, class Predicate>
bool Any(const Range& range, Predicate predicate) {
  return std::any_of(range.begin(), range.end(), predicate);
}

// Shorter, the answer of a busy node to a PING would be called late.
constexpr std::chrono::milliseconds kLeastKeepalive{1'000};

class Validator {
 public:
  Validator(Config& config, Findings& findings) : config_(config), findings_(findings) {}

  void Run() {
    CheckElectionStrategy();
    CheckListenersPresent(config_, findings_);
    CheckReplication(config_.replication, findings_);
    CheckVirtualStorages(config_.virtual_storages, findings_);
    CheckCleanup(config_.repositories_cleanup, findings_);
    CheckYamux(config_.yamux, findings_);
    CheckListeners(config_, findings_);
    CheckTls(config_, findings_);
    CheckDatabase(config_.database, findings_);
    CheckErrorThresholds();
    CheckLogging();
    CheckPrometheus();
    CheckTimes();
    CheckReconciliation(config_.reconciliation, findings_);
    CheckVerification(config_.background_verification, findings_);
    CheckAuth();
    ReportFailover();
  }

 private:
  void CheckElectionStrategy() {
    constexpr std::array kStrategies = {"", "local", "sql", "per_repository"};
    const std::string& strategy = config_.election_strategy;
    if (!Any(kStrategies, [&](const char* known) { return strategy == known; })) {
      findings_.Error("failover.election_strategy",
                      fmt::format("invalid election strategy: \"{}\"", strategy),
                      "write per_repository, sql or local, or remove the key",
                      fmt::format("not supported: \"{}\"", strategy));
    } else if (strategy.empty()) {
      config_.election_strategy = Config().election_strategy;
    }
  }

  void CheckLogging() {
    Logging& logging = config_.logging;
    if (logging.format.empty()) logging.format = Logging().format;
    if (logging.format != "text" && logging.format != "json") {
      findings_.Error("logging.format", fmt::format("invalid logger format \"{}\"", logging.format),
                      "write text or json");
    }
    CheckLevel();
  }

  // An unknown level is no reason to be down: upstream goes on with info as well.
  void CheckLevel() {
    static const std::map<std::string, std::string> kLevels = {
        {"", "info"},       {"trace", "debug"}, {"debug", "debug"},
        {"info", "info"},   {"warn", "warn"},   {"error", "error"},
        {"fatal", "fatal"}, {"panic", "fatal"}, {"warning", "warn"},
    };
    std::string& level = config_.logging.level;
    const auto found = kLevels.find(absl::AsciiStrToLower(level));
    if (found == kLevels.end()) {
      findings_.Warn("logging.level", fmt::format("unknown level \"{}\", info is used", level),
                     "write debug, info, warn, error or fatal");
    }
    level = found == kLevels.end() ? "info" : found->second;
  }

  void CheckPrometheus() {
    const std::string order = BadOrder(config_.prometheus.grpc_latency_buckets);
    if (order.empty()) return;
    findings_.Error("prometheus.grpc_latency_buckets", order,
                    "write each number larger than the one before");
  }

  void CheckTimes() {
    NotNegative("graceful_stop_delay", config_.graceful_stop_delay);
    NotNegative("graceful_stop_timeout", config_.graceful_stop_timeout);
    NotNegative("prometheus.scrape_timeout", config_.prometheus.scrape_timeout);
    if (config_.keepalive_timeout < kLeastKeepalive) {
      findings_.Error("keepalive_timeout", NotInRange(config_.keepalive_timeout, kLeastKeepalive),
                      "write for instance 10s");
    }
  }

  // Upstream serves with a negative time, and complains only in `configuration validate`.
  void NotNegative(std::string_view key, std::chrono::milliseconds& time) {
    if (time.count() >= 0) return;
    findings_.WarnOfInvalid(key, NotInRange(time, std::chrono::milliseconds(0)), "0s is used");
    time = {};
  }

  // All of them or none.
  void CheckErrorThresholds() {
    constexpr std::array kKeys = {
        std::pair{"error_threshold_window", "threshold window not set"},
        std::pair{"write_error_threshold_count", "write error threshold not set"},
        std::pair{"read_error_threshold_count", "read error threshold not set"}};
    const auto present = [&](const auto& key) {
      return findings_.Present(fmt::format("failover.{}", key.first));
    };
    if (!Any(kKeys, present)) return;
    for (const auto& key : kKeys) {
      if (!present(key)) ReportThreshold(key.first, key.second);
    }
    const ErrorThresholds& thresholds = config_.error_thresholds;
    const bool counting = thresholds.read_errors > 0 || thresholds.write_errors > 0;
    if (counting && thresholds.window.count() <= 0)
      ReportThreshold(kKeys[0].first, kKeys[0].second);
  }

  void ReportThreshold(std::string_view name, std::string message) {
    findings_.Error(fmt::format("failover.{}", name), std::move(message),
                    "error_threshold_window, read_error_threshold_count and "
                    "write_error_threshold_count belong together: write all three or none");
  }

  void CheckAuth() {
    const Auth& auth = config_.auth;
    if (findings_.HasError("auth.token_file")) return;
    if (auth.token.empty()) {
      findings_.Warn("auth.token",
                     "authentication is off: whoever reaches this Praefect may use it",
                     "set token in [auth] to the token that clients present");
      return;
    }
    if (auth.transitioning) {
      findings_.Warn("auth.transitioning",
                     "tokens are checked and counted, but nobody is turned away",
                     "write transitioning = false once all clients present the token");
    }
    for (size_t i = 0; i < config_.virtual_storages.size(); ++i) CompareTokens(i);
  }

  void CompareTokens(size_t index) {
    const VirtualStorage& storage = config_.virtual_storages[index];
    const auto shared = std::find_if(storage.nodes.begin(), storage.nodes.end(),
                                     [&](const Node& n) { return n.token == config_.auth.token; });
    if (shared == storage.nodes.end()) return;
    findings_.Warn("auth.token",
                   fmt::format("THE TOKEN OF CLIENTS IS ALSO THE TOKEN OF NODE {} (virtual storage "
                               "\"{}\"): any client can go around Praefect",
                               shared->storage, storage.name),
                   "give clients and Gitaly nodes different tokens");
  }

  void ReportFailover() {
    if (!config_.failover_enabled) return;
    for (const char* key : {"failover.enabled", "failover_enabled"}) {
      if (!findings_.Present(key)) continue;
      findings_.Warn(key, "automatic failover is not built yet: primaries stay where they are");
    }
  }

  Config& config_;
  Findings& findings_;
};

}  // namespace

void Validate(Config& config, Findings& findings) { Validator(config, findings).Run(); }

}  // namespace praefect::config
