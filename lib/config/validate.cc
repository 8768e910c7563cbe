#include "config/validate.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "config/address.h"

namespace praefect::config {
namespace {

constexpr uint16_t kDefaultGitalyPort = 8075;
constexpr size_t kMaxSocketPath = 107;  // sizeof(sockaddr_un::sun_path) less the final zero

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
    CheckVirtualStorages();
    CheckListeners();
    CheckLogging();
    CheckPrometheus();
    CheckTimes();
    CheckAuth();
    ReportPrimaries();
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
      CheckPathLength("socket_path", address->path);
    }
  }

  void CheckPathLength(std::string_view key, const std::string& path) {
    if (path.size() <= kMaxSocketPath) return;
    findings_.Error(key,
                    fmt::format("the path of a unix socket has at most {} bytes, this one has {}",
                                kMaxSocketPath, path.size()),
                    "choose a shorter path");
  }

  void CheckVirtualStorages() {
    if (config_.virtual_storages.empty()) return ReportNoVirtualStorage();
    // Where each one stands: the legacy form has no array around it.
    const bool legacy = !findings_.Present("virtual_storage");
    std::set<std::string> names;
    for (size_t i = 0; i < config_.virtual_storages.size(); ++i) {
      VirtualStorage& storage = config_.virtual_storages[i];
      const std::string path = legacy ? "" : fmt::format("virtual_storage[{}].", i);
      const std::string name_key = legacy ? "virtual_storage_name" : path + "name";
      CheckVirtualStorage(storage, path, name_key, names.insert(storage.name).second);
    }
  }

  void ReportNoVirtualStorage() {
    std::string suggestion =
        "add a [[virtual_storage]] with its [[virtual_storage.node]]s; in gitlab.rb, "
        "praefect['virtual_storage_name'] and praefect['storage_nodes'] were removed and are "
        "replaced by praefect['virtual_storages']";
    if (findings_.Present("virtual_storage_name")) {
      suggestion = "virtual_storage_name has no effect without a [[node]]; " + suggestion;
    }
    findings_.Error("virtual_storage", "no virtual storages configured", std::move(suggestion));
  }

  void CheckVirtualStorage(VirtualStorage& storage, const std::string& path,
                           const std::string& name_key, bool unique) {
    const std::string prefix = fmt::format("virtual storage \"{}\"", storage.name);
    if (storage.name.empty()) {
      findings_.Error(name_key, "virtual storages must have a name",
                      "add name = \"NAME\": what clients name as their storage");
    }
    if (storage.nodes.empty()) {
      findings_.Error(path + "node", prefix + ": no primary gitaly backends configured",
                      "add a [[virtual_storage.node]] for each Gitaly");
    }
    if (!unique && !storage.name.empty()) {
      findings_.Error(name_key, prefix + ": virtual storages must have unique names",
                      "rename it, or move its nodes to the first one of this name");
    }
    CheckNodes(storage, path, prefix);
    CheckPrimaries(storage, path, prefix);
    CheckReplicationFactor(storage, path);
  }

  void CheckNodes(VirtualStorage& storage, const std::string& path, const std::string& prefix) {
    std::set<std::string> names;
    std::set<std::string> addresses;
    for (size_t i = 0; i < storage.nodes.size(); ++i) {
      Node& node = storage.nodes[i];
      const std::string node_path = fmt::format("{}node[{}]", path, i);
      CheckNodeStorage(node, node_path, prefix, names);
      CheckNodeAddress(node, node_path, prefix);
      if (!node.address.empty() && !addresses.insert(node.address).second) {
        findings_.Warn(node_path + ".address",
                       fmt::format("more than one backend node is hosted at {}", node.address),
                       "your Praefect configuration may not offer actual redundancy");
      }
    }
  }

  void CheckNodeStorage(const Node& node, const std::string& node_path, const std::string& prefix,
                        std::set<std::string>& names) {
    const std::string key = node_path + ".storage";
    if (node.storage.empty()) {
      findings_.Error(key, prefix + ": all gitaly nodes must have a storage",
                      "add storage = \"NAME\", the name that Gitaly gives its storage");
    } else if (!names.insert(node.storage).second) {
      findings_.Error(
          key, prefix + ": internal gitaly storages are not unique",
          fmt::format("another node of this virtual storage is named {}", node.storage));
    }
  }

  void CheckNodeAddress(Node& node, const std::string& node_path, const std::string& prefix) {
    const std::string key = node_path + ".address";
    if (node.address.empty()) {
      findings_.Error(key, prefix + ": all gitaly nodes must have an address",
                      "add address = \"tcp://HOST:8075\"");
      return;
    }
    auto address = ParseNodeAddress(node.address);
    if (!address.ok()) {
      findings_.Error(key,
                      fmt::format("{}: invalid connection string: \"{}\"", prefix, node.address),
                      "write tcp://HOST:PORT or unix:PATH");
      return;
    }
    CheckNodeKind(*address, key, prefix);
    if (address->kind != Address::Kind::kUnix && address->port == 0) AssumePort(*address, key);
    node.address = address->ToString();
  }

  void CheckNodeKind(const Address& address, const std::string& key, const std::string& prefix) {
    if (address.kind == Address::Kind::kUnix) CheckPathLength(key, address.path);
    if (address.kind != Address::Kind::kTls) return;
    findings_.Error(key, prefix + ": TLS connections to Gitaly are not supported yet",
                    "write tcp://HOST:PORT with the port on which that Gitaly listens without TLS");
  }

  void AssumePort(Address& address, const std::string& key) {
    address.port = kDefaultGitalyPort;
    findings_.Warn(key, fmt::format("no port given, {} is assumed", kDefaultGitalyPort),
                   fmt::format("write {}", address.ToString()));
  }

  void CheckPrimaries(const VirtualStorage& storage, const std::string& path,
                      const std::string& prefix) {
    size_t primaries = 0;
    for (size_t i = 0; i < storage.nodes.size(); ++i) {
      if (!storage.nodes[i].primary || ++primaries < 2) continue;
      findings_.Error(fmt::format("{}node[{}].primary", path, i),
                      prefix + ": only 1 node can be designated as a primary",
                      "write primary = false here");
    }
  }

  void CheckReplicationFactor(const VirtualStorage& storage, const std::string& path) {
    const auto nodes = static_cast<int64_t>(storage.nodes.size());
    if (nodes == 0 || storage.default_replication_factor <= nodes) return;
    findings_.Error(
        path + "default_replication_factor",
        fmt::format("virtual storage \"{}\" has a default replication factor ({}) which "
                    "is higher than the number of storages ({})",
                    storage.name, storage.default_replication_factor, nodes),
        fmt::format("write at most {}", nodes));
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

  void ReportPrimaries() {
    for (const VirtualStorage& storage : config_.virtual_storages) {
      if (storage.nodes.empty()) continue;
      const bool named = Any(storage.nodes, [](const Node& node) { return node.primary; });
      if (!named) ReportNoPrimary(storage);
    }
    if (config_.failover_enabled && findings_.Present("failover.enabled")) {
      findings_.Warn("failover.enabled", "automatic failover is not built yet: primaries stay", "");
    }
  }

  void ReportNoPrimary(const VirtualStorage& storage) {
    findings_.Warn("",
                   fmt::format("virtual storage \"{}\": no node is named primary and elections are "
                               "not built yet, so the first node ({}) is the primary",
                               storage.name, storage.nodes.front().storage),
                   "write primary = true at another node to choose it");
  }

  Config& config_;
  Findings& findings_;
};

}  // namespace

void Validate(Config& config, Findings& findings) { Validator(config, findings).Run(); }

}  // namespace praefect::config
