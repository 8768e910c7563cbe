#include "config/decode.h"

#include <algorithm>

#include "config/section.h"

namespace praefect::config {
namespace {

// Keys of the file's top level without effect. The queue switches chose between two books that we
// have no choice of; the metrics switch is met by neither page running SQL.
constexpr IgnoredKey kIgnoredTopLevel[] = {
    {"memory_queue_enabled", Kind::kBoolean},
    {"postgres_queue_enabled", Kind::kBoolean},
    {"distributed_reads_enabled", Kind::kBoolean},
    {"prometheus_exclude_database_from_default_metrics", Kind::kBoolean},
    {"i_understand_my_election_strategy_is_unsupported_and_will_be_removed_without_warning",
     Kind::kBoolean},
};

constexpr IgnoredKey kIgnoredFailover[] = {
    {"read_only_after_failover", Kind::kBoolean},
    {"bootstrap_interval", Kind::kDuration},
    {"monitor_interval", Kind::kDuration},
};

constexpr IgnoredKey kIgnoredSentry[] = {
    {"sentry_dsn", Kind::kString},
    {"sentry_environment", Kind::kString},
};

constexpr IgnoredKey kIgnoredDatabase[] = {{"default_timeout_ms", Kind::kInteger}};

class Decoder {
 public:
  Decoder(const Table& document, Findings& findings)
      : findings_(findings), root_(document, "", findings) {}

  Config Run() {
    // All names of the top level are known before the first table is finished.
    ReadTopLevel();
    ReadVirtualStorages();
    if (auto section = root_.Child("auth")) ReadAuth(*section);
    if (auto section = root_.Child("tls")) ReadTls(*section);
    if (auto section = root_.Child("logging")) ReadLogging(*section);
    if (auto section = root_.Child("prometheus")) ReadPrometheus(*section);
    if (auto section = root_.Child("limits")) ReadLimits(*section);
    if (auto section = root_.Child("database")) ReadDatabase(*section);
    if (auto section = root_.Child("embedded_store")) ReadEmbeddedStore(*section);
    ReadFailover();
    if (auto section = root_.Child("replication")) ReadReplication(*section);
    ReadSectionsWithoutEffect();
    // Omnibus 15.2 to 15.8 renders it; no Praefect reads it.
    if (root_.Child("gitlab")) findings_.NotActedOn("gitlab");
    root_.Finish();
    return std::move(config_);
  }

 private:
  void ReadTopLevel() {
    root_.Read("listen_addr", config_.listen_addr);
    root_.Read("socket_path", config_.socket_path);
    root_.Read("tls_listen_addr", config_.tls_listen_addr);
    root_.Read("prometheus_listen_addr", config_.prometheus_listen_addr);
    root_.Read("graceful_stop_delay", config_.graceful_stop_delay);
    root_.Read("graceful_stop_timeout", config_.graceful_stop_timeout);
    root_.Read("keepalive_timeout", config_.keepalive_timeout);
    root_.Read("workers", config_.workers, 0, 1024);
    root_.Ignore(kIgnoredTopLevel);
    std::string command;
    root_.Read("config_command", command);
    if (command.empty()) return;
    findings_.Error("config_command",
                    "config_command is not supported: what it prints would be missing from the "
                    "configuration",
                    "write its output into this file and remove the key");
  }

  void ReadVirtualStorages() {
    for (Section& section : root_.Children("virtual_storage")) {
      VirtualStorage& storage = config_.virtual_storages.emplace_back();
      section.Read("name", storage.name);
      section.Read("default_replication_factor", storage.default_replication_factor, 0, 1 << 20);
      ReadNodes(section, storage);
      Finish(section);
    }
    ReadLegacyVirtualStorage();
  }

  // GitLab 12.4 and 12.5: one virtual storage, spread over the top level.
  void ReadLegacyVirtualStorage() {
    VirtualStorage storage;
    root_.Read("virtual_storage_name", storage.name);
    ReadNodes(root_, storage);
    if (root_.Has("virtual_storage")) {
      WarnOfIgnoredLegacyKeys();
    } else if (!storage.name.empty() && !storage.nodes.empty()) {
      config_.virtual_storages.push_back(std::move(storage));
    } else if (!storage.nodes.empty()) {
      findings_.Error("virtual_storage_name", "virtual storages must have a name",
                      "add virtual_storage_name = \"NAME\" above the first [[node]]");
    }
  }

  void WarnOfIgnoredLegacyKeys() {
    for (const char* key : {"virtual_storage_name", "node"}) {
      if (!root_.Has(key)) continue;
      findings_.Warn(key, "ignored, because the file has a [[virtual_storage]]", "remove it");
    }
  }

  void ReadNodes(Section& parent, VirtualStorage& storage) {
    for (Section& section : parent.Children("node")) {
      Node& node = storage.nodes.emplace_back();
      section.Read("storage", node.storage);
      section.Read("address", node.address);
      section.Read("primary", node.primary);
      section.ReadSecret("token", node.token);
      Finish(section);
    }
  }

  void ReadAuth(Section& section) {
    section.ReadSecret("token", config_.auth.token);
    section.Read("transitioning", config_.auth.transitioning);
    Finish(section);
  }

  void ReadTls(Section& section) {
    section.Read("certificate_path", config_.tls.certificate_path);
    section.Read("key_path", config_.tls.key_path);
    section.Read("key", config_.tls.key);
    section.Read("min_version", config_.tls.min_version);
    Finish(section);
  }

  void ReadLogging(Section& section) {
    section.Read("format", config_.logging.format);
    section.Read("level", config_.logging.level);
    section.Read("file", config_.logging.file);
    section.Read("dir", config_.logging.dir);
    if (section.Has("dir")) findings_.NotActedOn("logging.dir");
    Finish(section);
  }

  void ReadPrometheus(Section& section) {
    section.Read("grpc_latency_buckets", config_.prometheus.grpc_latency_buckets);
    section.Read("scrape_timeout", config_.prometheus.scrape_timeout);
    if (section.Has("scrape_timeout")) findings_.NotActedOn("prometheus.scrape_timeout");
    Finish(section);
  }

  void ReadLimits(Section& section) {
    ForEachLimit(config_.limits, [&](std::string_view name, auto& field, auto least, auto most) {
      section.Read(name, field, least, most);
    });
    Finish(section);
  }

  void ReadDatabase(Section& section) {
    Database& database = config_.database;
    ReadEndpoint(section, database.pooled);
    database.session = database.pooled;
    section.Read("host_no_proxy", database.session.host);
    section.Read("port_no_proxy", database.session.port, 0, 65535);
    section.Ignore(kIgnoredDatabase);
    if (auto session = section.Child("session_pooled")) {
      ReadEndpoint(*session, database.session);
      Finish(*session);
    }
    Finish(section);
  }

  void ReadEndpoint(Section& section, DatabaseEndpoint& endpoint) {
    section.Read("host", endpoint.host);
    section.Read("port", endpoint.port, 0, 65535);
    section.Read("user", endpoint.user);
    section.ReadSecret("password", endpoint.password);
    section.Read("dbname", endpoint.dbname);
    section.Read("sslmode", endpoint.sslmode);
    section.Read("sslcert", endpoint.sslcert);
    section.Read("sslkey", endpoint.sslkey);
    section.Read("sslrootcert", endpoint.sslrootcert);
  }

  void ReadEmbeddedStore(Section& section) {
    section.Read("path", config_.embedded_store.path);
    Finish(section);
  }

  // Failover is off when a node is named primary: whoever does that decides for themselves.
  void ReadFailover() {
    const bool named = std::any_of(
        config_.virtual_storages.begin(), config_.virtual_storages.end(), [](const auto& storage) {
          return std::any_of(storage.nodes.begin(), storage.nodes.end(),
                             [](const Node& node) { return node.primary; });
        });
    bool legacy = false;  // GitLab 12.9
    root_.Read("failover_enabled", legacy);
    config_.failover_enabled = root_.Has("failover_enabled") ? legacy : !named;
    auto section = root_.Child("failover");
    if (!section) return;
    section->Read("enabled", config_.failover_enabled);
    config_.failover_enabled = config_.failover_enabled || legacy;  // as upstream folds them
    section->Read("election_strategy", config_.election_strategy);
    if (section->Has("election_strategy")) findings_.NotActedOn("failover.election_strategy");
    section->Read("error_threshold_window", config_.error_thresholds.window);
    section->Read("read_error_threshold_count", config_.error_thresholds.read_errors, 0, 1 << 30);
    section->Read("write_error_threshold_count", config_.error_thresholds.write_errors, 0, 1 << 30);
    section->Ignore(kIgnoredFailover);
    Finish(*section);
  }

  void ReadReplication(Section& section) {
    Replication& replication = config_.replication;
    section.Read("batch_size", replication.batch_size);
    section.Read("parallel_storage_processing_workers",
                 replication.parallel_storage_processing_workers);
    section.NotActedOn();
    ReadFormerSwitch(section);
    section.Read("linger", replication.linger);
    section.Read("lost_linger", replication.lost_linger);
    section.Read("settle_timeout", replication.settle_timeout);
    section.Read("create_wait", replication.create_wait);
    section.Read("route_timeout", replication.route_timeout);
    section.Read("send_window", replication.send_window);
    section.Read("feed_window", replication.feed_window);
    section.Read("beat_interval", replication.beat_interval);
    section.Read("beats_until_burial", replication.beats_until_burial, 2, 1'000);
    Finish(section);
  }

  // Until every Praefect kept the books, this said whether it does.
  void ReadFormerSwitch(Section& section) {
    bool enabled = true;
    section.Read("enabled", enabled);
    if (!enabled) {
      findings_.Error(
          "replication.enabled",
          "replication cannot be switched off: every Praefect records writes in its "
          "books and brings all replicas up to date",
          "remove the key; the books are in PostgreSQL where [database] names one, else "
          "in the embedded store");
    } else if (section.Has("enabled")) {
      findings_.Warn("replication.enabled", "has no effect any more: replication is always on",
                     "remove it");
    }
  }

  // What is out of range is for validation to say: upstream's words differ from key to key.
  void ReadSectionsWithoutEffect() {
    if (auto section = root_.Child("reconciliation")) {
      section->Read("scheduling_interval", config_.reconciliation.scheduling_interval);
      section->Read("histogram_buckets", config_.reconciliation.histogram_buckets);
      FinishWithoutEffect(*section);
    }
    if (auto section = root_.Child("background_verification")) {
      BackgroundVerification& verification = config_.background_verification;
      section->Read("verification_interval", verification.verification_interval);
      section->Read("delete_invalid_records", verification.delete_invalid_records);
      FinishWithoutEffect(*section);
    }
    if (auto section = root_.Child("repositories_cleanup")) ReadCleanup(*section);
    if (auto section = root_.Child("yamux")) ReadYamux(*section);
    if (auto section = root_.Child("sentry")) {
      section->Ignore(kIgnoredSentry);
      Finish(*section);
    }
  }

  void ReadCleanup(Section& section) {
    RepositoriesCleanup& cleanup = config_.repositories_cleanup;
    section.Read("check_interval", cleanup.check_interval);
    section.Read("run_interval", cleanup.run_interval);
    section.Read("repositories_in_batch", cleanup.repositories_in_batch);
    FinishWithoutEffect(section);
  }

  void ReadYamux(Section& section) {
    Yamux& yamux = config_.yamux;
    section.Read("maximum_stream_window_size_bytes", yamux.maximum_stream_window_size_bytes);
    section.Read("accept_backlog", yamux.accept_backlog);
    FinishWithoutEffect(section);
  }

  void FinishWithoutEffect(Section& section) {
    section.NotActedOn();
    Finish(section);
  }

  void Finish(Section& section) { section.Finish(kTopLevelNames); }

  static inline const std::vector<std::string> kTopLevelNames = {
      "listen_addr",          "socket_path",
      "tls_listen_addr",      "prometheus_listen_addr",
      "graceful_stop_delay",  "graceful_stop_timeout",
      "keepalive_timeout",    "workers",
      "virtual_storage_name", "failover_enabled",
  };

  Findings& findings_;
  Section root_;
  Config config_;
};

}  // namespace

Config Decode(const Table& document, Findings& findings) {
  return Decoder(document, findings).Run();
}

}  // namespace praefect::config
