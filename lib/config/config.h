#pragma once

// The configuration of one Praefect process: plain values, read once, never changed afterwards.
// It holds secrets (tokens, passwords): nothing prints it whole, and it has no operator<<.
// Key names are those of config.toml; every field says its unit and its default.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "config/limits.h"
#include "config/replication.h"

namespace praefect::config {

// One Gitaly server as one virtual storage sees it.
struct Node {
  std::string storage;  // name of the physical storage on that Gitaly
  std::string address;  // tcp://HOST:PORT, tls://HOST:PORT or unix:PATH; see address.h
  std::string token;    // secret of that Gitaly; empty: it asks for none
  bool primary = false;
  bool operator==(const Node&) const = default;
};

// What clients name as their storage.
struct VirtualStorage {
  std::string name;
  int64_t default_replication_factor = 0;  // 0: every node
  std::vector<Node> nodes;                 // in file order; at least one after validation
  bool operator==(const VirtualStorage&) const = default;
};

struct Auth {
  std::string token;           // what clients present; empty: authentication is off
  bool transitioning = false;  // check and count, but let everyone through
  bool operator==(const Auth&) const = default;
};

// `[tls]`: what tls_listen_addr answers with. The key comes from one of two places.
struct Tls {
  std::string certificate_path;         // PEM: the certificate, then its chain
  std::string key_path;                 // PEM
  std::string key;                      // the same, inline; a secret
  std::string min_version = "TLS 1.2";  // or "TLS 1.3"; also towards nodes
  bool operator==(const Tls&) const = default;
};

struct Logging {
  std::string format = "text";  // "text" or "json"
  std::string level = "info";   // "debug", "info", "warn", "error" or "fatal"
  std::string file;             // where log lines go; empty: standard output
  std::string dir;              // known, not used by Praefect
  bool operator==(const Logging&) const = default;
};

struct Prometheus {
  std::vector<double> grpc_latency_buckets;  // seconds, ascending; empty: the defaults
  std::chrono::milliseconds scrape_timeout{10'000};
  bool operator==(const Prometheus&) const = default;
};

// Where one kind of database connection goes. Empty fields are left to libpq's defaults, except
// sslmode: empty means "require", as in the Go driver, unless `host` is a directory (unix socket).
struct DatabaseEndpoint {
  std::string host;  // one name, several with commas (the first that takes writes), or a directory
  int64_t port = 0;
  std::string user, password, dbname, sslmode, sslcert, sslkey, sslrootcert;
  bool operator==(const DatabaseEndpoint&) const = default;
};

struct Database {           // `[database]`
  DatabaseEndpoint pooled;  // statements and transactions; may be a transaction-pooling PgBouncer
  // LISTEN: `[database.session_pooled]` (or, below it, the older host_no_proxy and port_no_proxy),
  // each field that is not given there as in `pooled`.
  DatabaseEndpoint session;
  // Neither host nor dbname: the embedded store is used.
  bool configured() const { return !pooled.host.empty() || !pooled.dbname.empty(); }
  bool operator==(const Database&) const = default;
};

// `[embedded_store]`: the SQLite file that stands in for PostgreSQL where none is configured.
struct EmbeddedStore {
  // Resolved: a relative path begins beside the configuration. Without one: praefect.db in
  // $STATE_DIRECTORY (the first, when there are several), else beside the configuration.
  std::string path;
  bool operator==(const EmbeddedStore&) const = default;
};

// `[failover]`: when failing calls say that a node is broken although it answers probes. All three
// or none; the defaults are our own (upstream has none).
struct ErrorThresholds {
  std::chrono::milliseconds window{10'000};
  uint32_t read_errors = 100;   // accessors that failed in the window; 0: never
  uint32_t write_errors = 100;  // mutators
  bool operator==(const ErrorThresholds&) const = default;
};

// The next five are checked as upstream does, and not acted on yet.
struct Reconciliation {                                    // `[reconciliation]`
  std::chrono::milliseconds scheduling_interval{300'000};  // 0: never
  std::vector<double> histogram_buckets;                   // seconds, ascending
  bool operator==(const Reconciliation&) const = default;
};

struct BackgroundVerification {                                  // `[background_verification]`
  std::chrono::milliseconds verification_interval{604'800'000};  // 0: never
  bool delete_invalid_records = true;
  bool operator==(const BackgroundVerification&) const = default;
};

struct RepositoriesCleanup {  // `[repositories_cleanup]`
  std::chrono::milliseconds check_interval{1'800'000};
  std::chrono::milliseconds run_interval{86'400'000};  // 0: never
  int64_t repositories_in_batch = 16;
  bool operator==(const RepositoriesCleanup&) const = default;
};

struct Yamux {  // `[yamux]`
  int64_t maximum_stream_window_size_bytes = 262'144;
  int64_t accept_backlog = 256;
  bool operator==(const Yamux&) const = default;
};

struct Config {
  std::string path;  // the file this was read from, as it was named

  std::string listen_addr;             // HOST:PORT, optionally with tcp://
  std::string socket_path;             // optionally with unix:
  std::string tls_listen_addr;         // HOST:PORT, optionally with tls://; needs [tls]
  std::string prometheus_listen_addr;  // HOST:PORT of the admin HTTP listener; empty: none
  // TERM: readiness goes false, then for this long everything is still taken (a load balancer needs
  // time to notice), then the listeners close and graceful_stop_timeout begins.
  std::chrono::milliseconds graceful_stop_delay{0};
  std::chrono::milliseconds graceful_stop_timeout{60'000};
  // A node that leaves a PING unanswered for so long is taken for frozen: its connections close.
  std::chrono::milliseconds keepalive_timeout{10'000};
  uint32_t workers = 0;  // event loops; 0: one for each CPU of the affinity mask

  bool failover_enabled = false;
  std::string election_strategy = "per_repository";
  ErrorThresholds error_thresholds;

  std::vector<VirtualStorage> virtual_storages;
  Auth auth;
  Tls tls;
  Logging logging;
  Prometheus prometheus;
  Limits limits;
  Database database;
  EmbeddedStore embedded_store;
  Replication replication;
  Reconciliation reconciliation;
  BackgroundVerification background_verification;
  RepositoriesCleanup repositories_cleanup;
  Yamux yamux;

  bool operator==(const Config&) const = default;
};

}  // namespace praefect::config
