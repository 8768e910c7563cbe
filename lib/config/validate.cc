#include "config/validate.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "config/address.h"
#include "config/virtual_storage_rules.h"

namespace praefect::config {
namespace {

template <class Range, class Predicate>
bool Any(const Range& range, Predicate predicate) {
  return std::any_of(range.begin(), range.end(), predicate);
}

class Validator {
 public:
  Validator(Config& config, Findings& findings) : config_(config), findings_(findings) {}

  void Run() {
    CheckElectionStrategy();
    CheckListenersPresent();
    CheckVirtualStorages(config_.virtual_storages, findings_);
    CheckListeners();
    CheckLogging();
    CheckPrometheus();
    CheckTimes();
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
                      "write per_repository, sql or local, or remove the key");
    } else if (strategy.empty()) {
      config_.election_strategy = Config().election_strategy;
    }
  }

  void CheckListenersPresent() {
    if (!config_.tls_listen_addr.empty()) {
      findings_.Error("tls_listen_addr", "TLS listeners are not supported yet",
                      "remove tls_listen_addr and set listen_addr or socket_path");
    } else if (config_.listen_addr.empty() && config_.socket_path.empty()) {
      findings_.Error("listen_addr", "no listen address or socket path configured",
                      "add listen_addr = \"0.0.0.0:2305\" above the first [table]");
    }
  }

  void CheckListeners() {
    const auto grpc = CheckTcp("listen_addr", config_.listen_addr);
    const auto admin = CheckTcp("prometheus_listen_addr", config_.prometheus_listen_addr);
    CheckSocketPath();
    if (grpc && admin && *grpc == *admin && grpc->port != 0) {
      findings_.Error("prometheus_listen_addr", "the same address as listen_addr",
                      "give it a port of its own, for instance localhost:9652");
    }
    if (grpc && IsLoopback(grpc->host)) {
      findings_.Warn("listen_addr",
                     fmt::format("{} is reachable from this host only; clients elsewhere get "
                                 "14:failed to connect to all addresses",
                                 config_.listen_addr),
                     "write 0.0.0.0:PORT to listen on every interface");
    }
  }

  static bool IsLoopback(const std::string& host) {
    return host == "localhost" || host == "::1" || host.compare(0, 4, "127.") == 0;
  }

  std::optional<Address> CheckTcp(std::string_view key, const std::string& text) {
    if (text.empty()) return std::nullopt;
    const auto address = ParseListenAddress(text);
    if (address.ok() && address->kind == Address::Kind::kTcp) return *address;
    findings_.Error(key, fmt::format("invalid connection string: \"{}\"", text),
                    "write HOST:PORT; a unix socket is given as socket_path");
    return std::nullopt;
  }

  void CheckSocketPath() {
    const std::string& path = config_.socket_path;
    if (path.empty()) return;
    const auto address = ParseSocketPath(path);
    if (!address.ok()) {
      findings_.Error("socket_path", fmt::format("invalid connection string: \"{}\"", path),
                      "write the path of the socket");
    } else {
      CheckSocketPathLength("socket_path", address->path, findings_);
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
    const auto& buckets = config_.prometheus.grpc_latency_buckets;
    const bool finite = std::all_of(buckets.begin(), buckets.end(),
                                    [](double bucket) { return std::isfinite(bucket); });
    const bool ascending = std::adjacent_find(buckets.begin(), buckets.end(),
                                              std::greater_equal<double>()) == buckets.end();
    if (finite && ascending) return;
    findings_.Error("prometheus.grpc_latency_buckets",
                    fmt::format("bad order: expected asc: [{}]", absl::StrJoin(buckets, ", ")),
                    "write each number larger than the one before");
  }

  void CheckTimes() {
    NotNegative("graceful_stop_timeout", config_.graceful_stop_timeout);
    NotNegative("prometheus.scrape_timeout", config_.prometheus.scrape_timeout);
  }

  // Upstream serves with a negative time, and complains only in `configuration validate`.
  void NotNegative(std::string_view key, std::chrono::milliseconds& time) {
    if (time.count() >= 0) return;
    findings_.Warn(
        key, fmt::format("not in range: {}ms is not greater than or equal to 0s", time.count()),
        "0s is used");
    time = {};
  }

  void CheckAuth() {
    const Auth& auth = config_.auth;
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
