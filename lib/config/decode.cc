#include "config/decode.h"

#include <algorithm>
#include <array>

#include "config/secret_file.h"
#include "config/section.h"

namespace praefect::config {
namespace {

struct IgnoredSection {
  std::string_view name;
  std::vector<IgnoredKey> keys;
};

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
    {"read_only_after_failover", Kind::kBoolean},    {"bootstrap_interval", Kind::kDuration},
    {"monitor_interval", Kind::kDuration},           {"error_threshold_window", Kind::kDuration},
    {"write_error_threshold_count", Kind::kInteger}, {"read_error_threshold_count", Kind::kInteger},
};

constexpr IgnoredKey kIgnoredDatabase[] = {
    {"host_no_proxy", Kind::kString},
    {"port_no_proxy", Kind::kInteger},
    {"default_timeout_ms", Kind::kInteger},
};

std::vector<IgnoredSection> IgnoredSections() {
  return {
      {"sentry", {{"sentry_dsn", Kind::kString}, {"sentry_environment", Kind::kString}}},
      {"tls",
       {{"certificate_path", Kind::kString},
        {"key_path", Kind::kString},
        {"key", Kind::kString},
        {"min_version", Kind::kString}}},
      {"replication",
       {{"batch_size", Kind::kInteger}, {"parallel_storage_processing_workers", Kind::kInteger}}},
      {"reconciliation",
       {{"scheduling_interval", Kind::kDuration}, {"histogram_buckets", Kind::kNumbers}}},
      {"background_verification",
       {{"verification_interval", Kind::kDuration}, {"delete_invalid_records", Kind::kBoolean}}},
      {"repositories_cleanup",
       {{"check_interval", Kind::kDuration},
        {"run_interval", Kind::kDuration},
        {"repositories_in_batch", Kind::kInteger}}},
      {"yamux",
       {{"maximum_stream_window_size_bytes", Kind::kInteger}, {"accept_backlog", Kind::kInteger}}},
      {"embedded_store", {{"path", Kind::kString}}},
  };
}

class Decoder {
 public:
  Decoder(const Table& document, Findings& findings)
      : findings_(findings), root_(document, "", findings) {}

  Config Run() {
    // All names of the top level are known before the first table is finished.
    ReadTopLevel();
    ReadVirtualStorages();
    if (auto section = root_.Child("auth")) ReadAuth(*section);
    if (auto section = root_.Child("logging")) ReadLogging(*section);
    if (auto section = root_.Child("prometheus")) ReadPrometheus(*section);
    if (auto section = root_.Child("limits")) ReadLimits(*section);
    if (auto section = root_.Child("database")) ReadDatabase(*section);
    ReadFailover();
    for (const IgnoredSection& ignored : IgnoredSections()) Ignore(ignored);
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
    root_.Read("graceful_stop_timeout", config_.graceful_stop_timeout);
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
      ReadSecret(section, "token", node.token);
      Finish(section);
    }
  }

  // NAME or NAME_file, not both.
  void ReadSecret(Section& section, const std::string& name, std::string& field) {
    std::string path;
    section.Read(name, field);
    section.Read(name + "_file", path);
    if (path.empty()) return;
    const std::string key = section.PathOf(name + "_file");
    if (!field.empty()) {
      findings_.Error(key, name + " and " + name + "_file are mutually exclusive", "remove one");
      return;
    }
    auto secret = ReadSecretFile(path);
    if (secret.ok()) {
      field = *std::move(secret);
    } else {
      const auto message = secret.status().message();
      findings_.Error(key, std::string(message.data(), message.size()),
                      "the file must belong to the user that runs Praefect and have mode 0600 or "
                      "0400");
    }
  }

  void ReadAuth(Section& section) {
    ReadSecret(section, "token", config_.auth.token);
    section.Read("transitioning", config_.auth.transitioning);
    Finish(section);
  }

  void ReadLogging(Section& section) {
    section.Read("format", config_.logging.format);
    section.Read("level", config_.logging.level);
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
    Limits& limits = config_.limits;
    constexpr int64_t kGiB = 1 << 30;
    section.Read("max_first_message_bytes", limits.max_first_message_bytes, 1 << 10, kGiB);
    section.Read("max_streams_per_connection", limits.max_streams_per_connection, 1, 1'000'000);
    section.Read("max_header_list_bytes", limits.max_header_list_bytes, 4 << 10, 16 << 20);
    section.Read("max_header_fields", limits.max_header_fields, 16, 100'000);
    section.Read("max_buffered_bytes", limits.max_buffered_bytes, 1 << 20, kGiB << 10);
    section.Read("max_connections", limits.max_connections, 1, 10'000'000);
    section.Read("max_resets_per_second", limits.max_resets_per_second, 1, 1'000'000);
    section.Read("max_pings_per_second", limits.max_pings_per_second, 1, 1'000'000);
    section.Read("max_settings_per_second", limits.max_settings_per_second, 1, 1'000'000);
    Finish(section);
  }

  void ReadDatabase(Section& section) {
    Database& database = config_.database;
    ReadEndpoint(section, database.pooled);
    database.session = database.pooled;
    section.Ignore(kIgnoredDatabase);
    if (auto session = section.Child("session_pooled")) {
      ReadEndpoint(*session, database.session);
      Finish(*session);
    }
    if (database.configured()) findings_.NotActedOn("database");
    Finish(section);
  }

  void ReadEndpoint(Section& section, DatabaseEndpoint& endpoint) {
    section.Read("host", endpoint.host);
    section.Read("port", endpoint.port, 0, 65535);
    section.Read("user", endpoint.user);
    ReadSecret(section, "password", endpoint.password);
    section.Read("dbname", endpoint.dbname);
    section.Read("sslmode", endpoint.sslmode);
    section.Read("sslcert", endpoint.sslcert);
    section.Read("sslkey", endpoint.sslkey);
    section.Read("sslrootcert", endpoint.sslrootcert);
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
    section->Ignore(kIgnoredFailover);
    Finish(*section);
  }

  void Ignore(const IgnoredSection& ignored) {
    auto section = root_.Child(ignored.name);
    if (!section) return;
    section->Ignore(ignored.keys);
    Finish(*section);
  }

  void Finish(Section& section) { section.Finish(kTopLevelNames); }

  static inline const std::vector<std::string> kTopLevelNames = {
      "listen_addr",           "socket_path", "tls_listen_addr",      "prometheus_listen_addr",
      "graceful_stop_timeout", "workers",     "virtual_storage_name", "failover_enabled",
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
