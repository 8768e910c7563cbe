// Keys that have no effect, and what is said about them.

#include <catch2/catch.hpp>

#include "unit/config/loading.h"

namespace praefect::config {
namespace {

std::string SuggestionAt(const LoadResult& result, std::string_view key) {
  for (const Problem& problem : result.warnings) {
    if (problem.key == key) return problem.suggestion;
  }
  return "";
}

// All that praefect 18.9 reads and this one has no use for yet.
constexpr const char* kWithoutEffect = R"(
[failover]
election_strategy = "per_repository"
bootstrap_interval = "1s"
monitor_interval = "3s"
read_only_after_failover = true
[sentry]
sentry_dsn = "https://x"
sentry_environment = "e"
[replication]
batch_size = 10
parallel_storage_processing_workers = 1
[reconciliation]
scheduling_interval = "5m"
histogram_buckets = [1.0]
[background_verification]
verification_interval = "168h"
delete_invalid_records = true
[repositories_cleanup]
check_interval = "30m"
run_interval = "24h"
repositories_in_batch = 16
[yamux]
maximum_stream_window_size_bytes = 262144
accept_backlog = 256
[prometheus]
scrape_timeout = "10s"
[database]
host = "h"
port = 5432
user = "u"
password = "p"
dbname = "d"
sslmode = "disable"
sslcert = "c"
sslkey = "k"
sslrootcert = "r"
default_timeout_ms = 1
[database.session_pooled]
host = "h"
port = 5432
user = "u"
password = "p"
dbname = "d"
sslmode = "disable"
sslcert = "c"
sslkey = "k"
sslrootcert = "r"
[gitlab]
url = "https://gitlab"
)";

}  // namespace

TEST_CASE("everything known without effect is named once, in one warning") {
  const auto result = LoadFile("memory_queue_enabled = true\npostgres_queue_enabled = true\n" +
                               std::string(kServing) + kWithoutEffect);
  REQUIRE(result.config);
  REQUIRE(result.warnings.size() == 1);
  const std::string& message = result.warnings[0].message;
  CHECK(Mentions(message, "these keys are known and have no effect yet: background_verification."));
  for (const char* key :
       {"gitlab,", "memory_queue_enabled,", "sentry.sentry_dsn,", "yamux.accept_backlog,"}) {
    CHECK(Mentions(message, key));
  }
}

TEST_CASE("empty tables say nothing") {
  CHECK(Printed(LoadWithTables("[sentry]\n[database]\n[tls]\n[limits]\n")) == "\n");
}

TEST_CASE("an unknown key warns and suggests what was meant") {
  const auto result = LoadWithTop("prometheus_listen_adr = ':1'");
  REQUIRE(result.config);
  CHECK(WarningAt(result, "prometheus_listen_adr") == "unknown key, it has no effect");
  CHECK(SuggestionAt(result, "prometheus_listen_adr") == "did you mean prometheus_listen_addr?");
  CHECK(result.warnings[0].line == 1);
}

TEST_CASE("an unknown table warns once and suggests nothing far-fetched") {
  const auto result = LoadWithTables("[colours]\nred = 1\ngreen = 2\n");
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0].ToString() == "t.toml:11: colours: unknown key, it has no effect");
}

TEST_CASE("unknown keys of nodes are found where they stand") {
  const auto result = LoadWithTables("adress = 'x'\n");
  CHECK(SuggestionAt(result, "virtual_storage[0].node[0].adress") == "did you mean address?");
}

TEST_CASE("keys that fell into a table are named") {
  const auto result =
      LoadWithTables("[tls]\nsocket_path = '/run/p'\nprometheus_listen_addr = ':9652'\n");
  REQUIRE(result.config);
  CHECK(result.config->socket_path.empty());
  CHECK(WarningAt(result, "tls.socket_path") ==
        "socket_path is a key of the top level and has no effect in [tls]");
  CHECK(SuggestionAt(result, "tls.prometheus_listen_addr") ==
        "move it above the first [table] of the file");
}

TEST_CASE("the oldest form is one virtual storage") {
  const auto result = LoadFile(
      "listen_addr = ':2305'\nvirtual_storage_name = 'praefect'\n[auth]\ntoken='x'\n"
      "[[node]]\nstorage = 's'\naddress = 'unix:///run/s'\nprimary = true\n");
  REQUIRE(result.config);
  const VirtualStorage expected{"praefect", 0, {{"s", "unix:/run/s", "", true}}};
  CHECK(result.config->virtual_storages == std::vector{expected});
  CHECK(result.warnings.empty());
}

TEST_CASE("the oldest form is checked like the newer one") {
  const auto result = LoadFile(
      "listen_addr = ':2305'\nvirtual_storage_name = 'praefect'\n[auth]\ntoken='x'\n"
      "[[node]]\nstorage = 's'\n");
  CHECK(ErrorAt(result, "node[0].address") ==
        "virtual storage \"praefect\": all gitaly nodes must have an address");
  CHECK(result.errors[0].line == 5);
  CHECK(ErrorAt(LoadFile("listen_addr=':1'\n[[node]]\nstorage='s'\naddress='tcp://h:1'\n"),
                "virtual_storage_name") == "virtual storages must have a name");
}

TEST_CASE("the oldest form gives way to a virtual storage, which is said") {
  const auto result = LoadFile("virtual_storage_name = 'praefect'\n" + std::string(kServing) +
                               "[[node]]\nstorage='s'\naddress='tcp://h:1'\n");
  REQUIRE(result.config);
  CHECK(result.config->virtual_storages.size() == 1);
  CHECK(WarningAt(result, "node") == "ignored, because the file has a [[virtual_storage]]");
  CHECK(WarningAt(result, "virtual_storage_name") != "");
}

TEST_CASE("a name without nodes is no virtual storage") {
  const auto result = LoadFile("listen_addr = ':1'\nvirtual_storage_name = 'praefect'\n");
  CHECK(ErrorAt(result, "virtual_storage") == "no virtual storages configured");
  CHECK(Mentions(result.errors[0].suggestion,
                 "virtual_storage_name has no effect without a [[node]]"));
}

}  // namespace praefect::config
