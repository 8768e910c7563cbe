#include "config/settings.h"

#include <fmt/format.h>

#include <type_traits>
#include <utility>

namespace praefect::config {
namespace {

class Lister {
 public:
  Lister(const Config& config, const Sources& sources) : config_(config), sources_(sources) {}

  std::vector<Setting> Run() {
    ListTopLevel();
    ListFailover();
    ListVirtualStorages();
    ListAuthAndTls();
    ListLoggingAndMetrics();
    ListLimits();
    ListDatabase();
    ListReplication();
    ListUpkeep();
    return std::move(settings_);
  }

 private:
  void ListTopLevel() {
    Add("listen_addr", config_.listen_addr);
    Add("socket_path", config_.socket_path);
    Add("tls_listen_addr", config_.tls_listen_addr);
    Add("prometheus_listen_addr", config_.prometheus_listen_addr);
    Add("graceful_stop_delay", config_.graceful_stop_delay);
    Add("graceful_stop_timeout", config_.graceful_stop_timeout);
    Add("keepalive_timeout", config_.keepalive_timeout);
    Add("workers", config_.workers);
  }

  void ListFailover() {
    const ErrorThresholds& thresholds = config_.error_thresholds;
    Add("failover.enabled", config_.failover_enabled, "failover_enabled");
    Add("failover.election_strategy", config_.election_strategy);
    Add("failover.error_threshold_window", thresholds.window);
    Add("failover.read_error_threshold_count", thresholds.read_errors);
    Add("failover.write_error_threshold_count", thresholds.write_errors);
  }

  void ListVirtualStorages() {
    // The oldest form has no table around its one virtual storage.
    const bool oldest = Line("virtual_storage") == 0;
    for (size_t i = 0; i < config_.virtual_storages.size(); ++i) {
      const VirtualStorage& storage = config_.virtual_storages[i];
      const std::string path = fmt::format("virtual_storage[{}].", i);
      Add(path + "name", storage.name, "virtual_storage_name");
      Add(path + "default_replication_factor", storage.default_replication_factor);
      for (size_t j = 0; j < storage.nodes.size(); ++j) {
        const std::string node = fmt::format("node[{}].", j);
        ListNode(storage.nodes[j], path + node, oldest ? node : path + node);
      }
    }
  }

  // `written` is how the file names `path`.
  void ListNode(const Node& node, const std::string& path, const std::string& written) {
    Add(path + "storage", node.storage, written + "storage");
    Add(path + "address", node.address, written + "address");
    AddSecret(path + "token", node.token, written + "token");
    Add(path + "primary", node.primary, written + "primary");
  }

  void ListAuthAndTls() {
    AddSecret("auth.token", config_.auth.token, "auth.token");
    Add("auth.transitioning", config_.auth.transitioning);
    Add("tls.certificate_path", config_.tls.certificate_path);
    Add("tls.key_path", config_.tls.key_path);
    AddSecret("tls.key", config_.tls.key, "tls.key");
    Add("tls.min_version", config_.tls.min_version);
  }

  void ListLoggingAndMetrics() {
    Add("logging.format", config_.logging.format);
    Add("logging.level", config_.logging.level);
    Add("logging.file", config_.logging.file);
    Add("logging.dir", config_.logging.dir);
    Add("prometheus.grpc_latency_buckets", config_.prometheus.grpc_latency_buckets);
    Add("prometheus.scrape_timeout", config_.prometheus.scrape_timeout);
  }

  void ListLimits() {
    ForEachLimit(config_.limits, [this](std::string_view name, const auto& value, auto, auto) {
      Add(fmt::format("limits.{}", name), value);
    });
  }

  void ListDatabase() {
    ListEndpoint("database.", config_.database.pooled);
    ListEndpoint("database.session_pooled.", config_.database.session);
    Add("embedded_store.path", config_.embedded_store.path);
    Origin& origin = settings_.back().origin;
    if (origin == Origin() && sources_.state_directory) origin.kind = Origin::Kind::kEnvironment;
  }

  void ListEndpoint(const std::string& path, const DatabaseEndpoint& endpoint) {
    const bool session = path != "database.";
    const auto first = settings_.size();
    Add(path + "host", endpoint.host, session ? "database.host_no_proxy" : "");
    Add(path + "port", endpoint.port, session ? "database.port_no_proxy" : "");
    Add(path + "user", endpoint.user);
    AddSecret(path + "password", endpoint.password, path + "password");
    Add(path + "dbname", endpoint.dbname);
    Add(path + "sslmode", endpoint.sslmode);
    Add(path + "sslcert", endpoint.sslcert);
    Add(path + "sslkey", endpoint.sslkey);
    Add(path + "sslrootcert", endpoint.sslrootcert);
    if (!session) return;
    for (auto i = first; i < settings_.size(); ++i) Inherit(settings_[i], i - first);
  }

  // What session_pooled does not say is what the `index`th setting of [database] says.
  void Inherit(Setting& setting, size_t index) {
    const auto count = settings_.size();
    constexpr size_t kFields = 9;
    const Setting& parent = settings_[count - 2 * kFields + index];
    if (setting.origin.kind != Origin::Kind::kDefault) return;
    if (parent.origin.kind == Origin::Kind::kDefault) return;
    setting.origin = {Origin::Kind::kInherited, parent.origin.line};
  }

  void ListReplication() {
    const Replication& replication = config_.replication;
    Add("replication.batch_size", replication.batch_size);
    Add("replication.parallel_storage_processing_workers",
        replication.parallel_storage_processing_workers);
    Add("replication.linger", replication.linger);
    Add("replication.lost_linger", replication.lost_linger);
    Add("replication.settle_timeout", replication.settle_timeout);
    Add("replication.create_wait", replication.create_wait);
    Add("replication.route_timeout", replication.route_timeout);
    Add("replication.send_window", replication.send_window);
    Add("replication.feed_window", replication.feed_window);
    Add("replication.beat_interval", replication.beat_interval);
    Add("replication.beats_until_burial", replication.beats_until_burial);
  }

  void ListUpkeep() {
    Add("reconciliation.scheduling_interval", config_.reconciliation.scheduling_interval);
    Add("reconciliation.histogram_buckets", config_.reconciliation.histogram_buckets);
    const BackgroundVerification& verification = config_.background_verification;
    Add("background_verification.verification_interval", verification.verification_interval);
    Add("background_verification.delete_invalid_records", verification.delete_invalid_records);
    const RepositoriesCleanup& cleanup = config_.repositories_cleanup;
    Add("repositories_cleanup.check_interval", cleanup.check_interval);
    Add("repositories_cleanup.run_interval", cleanup.run_interval);
    Add("repositories_cleanup.repositories_in_batch", cleanup.repositories_in_batch);
    const Yamux& yamux = config_.yamux;
    Add("yamux.maximum_stream_window_size_bytes", yamux.maximum_stream_window_size_bytes);
    Add("yamux.accept_backlog", yamux.accept_backlog);
  }

  // `written` is another name of the key, which the file may have instead.
  template <class T>
  void Add(const std::string& key, const T& value, const std::string& written = "") {
    const int line = Line(key) > 0 ? Line(key) : Line(written);
    Origin origin;
    if (line > 0) origin = {Origin::Kind::kFile, line};
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      settings_.push_back({key, static_cast<int64_t>(value), origin});
    } else {
      settings_.push_back({key, value, origin});
    }
  }

  void AddSecret(const std::string& key, const std::string& secret, const std::string& written) {
    Add(key, Secret{!secret.empty()}, written);
    const int line = Line(written + "_file");
    if (line > 0 && Line(written) == 0) settings_.back().origin = {Origin::Kind::kSecretFile, line};
  }

  int Line(const std::string& key) const {
    const auto found = sources_.lines.find(key);
    return found == sources_.lines.end() ? 0 : found->second;
  }

  const Config& config_;
  const Sources& sources_;
  std::vector<Setting> settings_;
};

}  // namespace

std::vector<Setting> Settings(const Config& config, const Sources& sources) {
  return Lister(config, sources).Run();
}

}  // namespace praefect::config
