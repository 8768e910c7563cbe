// Where values come from, and that none is forgotten.

#include "config/settings.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "support/process.h"
#include "unit/config/loading.h"

namespace praefect::config {
namespace {

using Kind = Origin::Kind;

std::vector<Setting> List(const std::string& text) {
  const auto result = LoadFile(text);
  INFO(Printed(result));
  REQUIRE(result.config);
  return Settings(*result.config, result.sources);
}

Setting Find(const std::vector<Setting>& settings, const std::string& key) {
  for (const Setting& setting : settings) {
    if (setting.key == key) return setting;
  }
  FAIL("no setting " + key);
  return {};
}

Origin OriginOf(const std::string& text, const std::string& key) {
  return Find(List(text), key).origin;
}

// Every key that has an effect or will have one.
constexpr const char* kEveryKey = R"(listen_addr = ':1'
socket_path = '/s'
tls_listen_addr = ''
prometheus_listen_addr = ':3'
graceful_stop_delay = '1s'
graceful_stop_timeout = '1s'
keepalive_timeout = '1s'
workers = 1
auth = {token = 't', transitioning = true}
tls = {certificate_path = '', key_path = '', key = '', min_version = ''}
logging = {format = 'json', level = 'info', file = '/f', dir = '/d'}
prometheus = {grpc_latency_buckets = [1], scrape_timeout = '1s'}
limits = {max_first_message_bytes = 4096, first_message_timeout = '1s', max_streams_per_connection = 1, max_header_list_bytes = 4096, max_header_fields = 16, max_buffered_bytes = 1048576, max_buffered_bytes_per_connection = 1048576, max_buffered_bytes_per_stream = 65536, max_connections = 1, max_health_watches = 1, max_resets_per_second = 1, max_pings_per_second = 1, max_settings_per_second = 1, tls_handshake_timeout = '1s', http2_handshake_timeout = '1s', connection_ping_after = '1s', connection_ping_timeout = '1s', connection_idle_timeout = '1s', max_connection_age = '1s'}
embedded_store = {path = 'x'}
failover = {enabled = false, election_strategy = 'sql', error_threshold_window = '1s', read_error_threshold_count = 1, write_error_threshold_count = 1}
replication = {batch_size = 1, parallel_storage_processing_workers = 1, linger = '3s', lost_linger = '10m', settle_timeout = '1s', create_wait = '1s', route_timeout = '1s', send_window = '5s', feed_window = '1m', beat_interval = '1s', beats_until_burial = 10}
reconciliation = {scheduling_interval = '1s', histogram_buckets = [1]}
background_verification = {verification_interval = '1s', delete_invalid_records = true}
repositories_cleanup = {check_interval = '1m', run_interval = '1m', repositories_in_batch = 1}
yamux = {maximum_stream_window_size_bytes = 262144, accept_backlog = 1}
[database]
host = 'h'
port = 1
user = 'u'
password = 'p'
dbname = 'd'
sslmode = 'disable'
sslcert = 'c'
sslkey = 'k'
sslrootcert = 'r'
session_pooled = {host = 'h', port = 1, user = 'u', password = 'p', dbname = 'd', sslmode = 'disable', sslcert = 'c', sslkey = 'k', sslrootcert = 'r'}
[[virtual_storage]]
name = 'v'
default_replication_factor = 1
node = [{storage = 's', address = 'tcp://s:1', token = 'n', primary = true}]
)";

}  // namespace

TEST_CASE("every setting is listed, and every key of the file is the origin of one") {
  const auto result = LoadFile(kEveryKey);
  INFO(Printed(result));
  REQUIRE(result.config);
  size_t from_file = 0;
  for (const Setting& setting : Settings(*result.config, result.sources)) {
    INFO(setting.key);
    CHECK(setting.origin.kind == Kind::kFile);
    from_file += result.sources.lines.count(setting.key);
  }
  // The others are the 13 sections, session_pooled, and two arrays with an element each.
  const size_t tables = 13 + 1 + 4;
  CHECK(from_file + tables == result.sources.lines.size());
}

TEST_CASE("what the file does not say is a default") {
  const auto settings = List(std::string(kServing));
  CHECK(Find(settings, "listen_addr").origin == Origin{Kind::kFile, 1});
  CHECK(Find(settings, "workers").origin == Origin{Kind::kDefault, 0});
  CHECK(std::get<int64_t>(Find(settings, "limits.max_header_fields").value) == 256);
}

TEST_CASE("of secrets it is only known whether they are there") {
  const auto settings = List(std::string(kServing));
  CHECK(std::get<Secret>(Find(settings, "auth.token").value) == Secret{true});
  CHECK(std::get<Secret>(Find(settings, "database.password").value) == Secret{false});
  CHECK(std::get<Secret>(Find(settings, "virtual_storage[0].node[0].token").value) == Secret{true});
}

TEST_CASE("a secret file is the origin of its secret") {
  const test::TemporaryDirectory folder;
  test::WriteFile(folder / "secret", "x");
  chmod((folder / "secret").c_str(), 0600);
  const std::string path = folder / "secret";
  const std::string text = std::string(kServing) + "[database]\npassword_file='" + path + "'\n";
  CHECK(OriginOf(text, "database.password") == Origin{Kind::kSecretFile, 12});
  CHECK(OriginOf(text, "database.session_pooled.password") == Origin{Kind::kInherited, 12});
}

TEST_CASE("the session connection inherits, and says so") {
  const std::string text =
      std::string(kServing) + "[database]\nhost='h'\nport=1\nhost_no_proxy='d'\n";
  CHECK(OriginOf(text, "database.session_pooled.host") == Origin{Kind::kFile, 14});
  CHECK(OriginOf(text, "database.session_pooled.port") == Origin{Kind::kInherited, 13});
  CHECK(OriginOf(text, "database.session_pooled.user") == Origin{Kind::kDefault, 0});
}

TEST_CASE("older spellings are found under the name of today") {
  const std::string text =
      "listen_addr=':1'\nfailover_enabled=true\nvirtual_storage_name='v'\n"
      "[[node]]\nstorage='s'\naddress='tcp://s:1'\n";
  CHECK(OriginOf(text, "failover.enabled") == Origin{Kind::kFile, 2});
  CHECK(OriginOf(text, "virtual_storage[0].name") == Origin{Kind::kFile, 3});
  CHECK(OriginOf(text, "virtual_storage[0].node[0].address") == Origin{Kind::kFile, 6});
}

TEST_CASE("the state directory is the origin of the store's place") {
  Sources sources;
  sources.state_directory = true;
  CHECK(Find(Settings(Config(), sources), "embedded_store.path").origin.kind == Kind::kEnvironment);
  sources.lines["embedded_store.path"] = 3;
  CHECK(Find(Settings(Config(), sources), "embedded_store.path").origin == Origin{Kind::kFile, 3});
}

}  // namespace praefect::config
