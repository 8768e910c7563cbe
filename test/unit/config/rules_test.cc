// Every rule that a configuration can break, in the words of upstream.

#include <catch2/catch.hpp>

#include "unit/config/loading.h"

namespace praefect::config {
namespace {

std::string NodeText(const std::string& lines) { return "[[virtual_storage.node]]\n" + lines; }

const std::string kGood = NodeText("storage='a'\naddress='tcp://a:1'\n");
const std::string kStorage = "[[virtual_storage]]\nname='v'\n";

void CheckRefused(const LoadResult& result, const std::string& key, const std::string& message) {
  CHECK_FALSE(result.config);
  CHECK(result.headline == "validating config: " + message);
  CHECK(ErrorAt(result, key) == message);
  CHECK_FALSE(result.errors.front().suggestion.empty());
}

}  // namespace

TEST_CASE("a complete file is accepted without a word") {
  const auto result = LoadFile(std::string(kServing));
  CHECK(Printed(result) == "\n");
  REQUIRE(result.config);
  CHECK(result.config->virtual_storages[0].nodes[0].token == "internal");
}

TEST_CASE("someone must listen") {
  CheckRefused(LoadFile(kStorage + kGood), "listen_addr",
               "no listen address or socket path configured");
  CHECK(LoadFile("socket_path = '/run/p'\n" + kStorage + kGood).config);
}

TEST_CASE("there must be a virtual storage") {
  CheckRefused(LoadStorages(""), "virtual_storage", "no virtual storages configured");
}

TEST_CASE("a virtual storage must have a name") {
  CheckRefused(LoadStorages("[[virtual_storage]]\n" + kGood), "virtual_storage[0].name",
               "virtual storages must have a name");
}

TEST_CASE("a virtual storage must have nodes") {
  CheckRefused(LoadStorages(kStorage), "virtual_storage[0].node",
               "virtual storage \"v\": no primary gitaly backends configured");
}

TEST_CASE("virtual storages must have unique names") {
  CheckRefused(LoadStorages(kStorage + kGood + kStorage + kGood), "virtual_storage[1].name",
               "virtual storage \"v\": virtual storages must have unique names");
}

TEST_CASE("a node must have a storage") {
  CheckRefused(LoadStorages(kStorage + NodeText("address='tcp://a:1'\n")),
               "virtual_storage[0].node[0].storage",
               "virtual storage \"v\": all gitaly nodes must have a storage");
}

TEST_CASE("a node must have an address") {
  CheckRefused(LoadStorages(kStorage + NodeText("storage='a'\n")),
               "virtual_storage[0].node[0].address",
               "virtual storage \"v\": all gitaly nodes must have an address");
}

TEST_CASE("a node's address must be one") {
  CheckRefused(LoadStorages(kStorage + NodeText("storage='a'\naddress='a:8075'\n")),
               "virtual_storage[0].node[0].address",
               "virtual storage \"v\": invalid connection string: \"a:8075\"");
}

TEST_CASE("a node may have TLS") {
  const auto loaded = LoadStorages(kStorage + NodeText("storage='a'\naddress='tls://a:1'\n"));
  REQUIRE(loaded.config);
  CHECK(loaded.config->virtual_storages[0].nodes[0].address == "tls://a:1");
}

TEST_CASE("storages of a virtual storage must be unique, others may share the name") {
  CheckRefused(LoadStorages(kStorage + kGood + kGood), "virtual_storage[0].node[1].storage",
               "virtual storage \"v\": internal gitaly storages are not unique");
  CHECK(LoadStorages(kStorage + kGood + "[[virtual_storage]]\nname='w'\n" + kGood).config);
}

TEST_CASE("two primaries are refused") {
  const auto primary = [](const std::string& name) {
    return NodeText("storage='" + name + "'\naddress='tcp://" + name + ":1'\nprimary=true\n");
  };
  CheckRefused(LoadStorages(kStorage + primary("a") + primary("b")),
               "virtual_storage[0].node[1].primary",
               "virtual storage \"v\": only 1 node can be designated as a primary");
}

TEST_CASE("the replication factor must not exceed the number of storages") {
  CheckRefused(
      LoadStorages(kStorage + "default_replication_factor = 2\n" + kGood),
      "virtual_storage[0].default_replication_factor",
      "virtual storage \"v\" has a default replication factor (2) which is higher than the "
      "number of storages (1)");
  const auto negative = LoadStorages(kStorage + "default_replication_factor = -1\n" + kGood);
  CHECK(negative.headline ==
        "validating config: not in range: -1 is not greater than or equal to 0");
}

TEST_CASE("an election strategy must be one") {
  CheckRefused(LoadWithTables("[failover]\nelection_strategy='x'\n"), "failover.election_strategy",
               "invalid election strategy: \"x\"");
  CHECK(LoadWithTables("[failover]\nelection_strategy=''\n").config->election_strategy ==
        "per_repository");
}

TEST_CASE("a logging format must be one") {
  CheckRefused(LoadWithTables("[logging]\nformat='xml'\n"), "logging.format",
               "invalid logger format \"xml\"");
  CHECK(LoadWithTables("[logging]\nformat=''\n").config->logging.format == "text");
}

TEST_CASE("listeners must have addresses of their own") {
  CheckRefused(LoadWithTop("prometheus_listen_addr = 'tcp://0.0.0.0:2305'\n"),
               "prometheus_listen_addr", "the same address as listen_addr");
  CheckRefused(LoadWithTop("prometheus_listen_addr = 'nine'\n"), "prometheus_listen_addr",
               "invalid connection string: \"nine\"");
  CHECK_FALSE(LoadFile("listen_addr = 'unix:/x'\n" + kStorage + kGood).config);
}

TEST_CASE("the path of a unix socket must fit") {
  const std::string path = "/" + std::string(107, 'x');
  CheckRefused(LoadWithTop("socket_path = '" + path + "'\n"), "socket_path",
               "the path of a unix socket has at most 107 bytes, this one has 108");
  CHECK(LoadWithTop("socket_path = 'unix:///" + std::string(106, 'x') + "'\n").config);
}

TEST_CASE("error thresholds are all there or none") {
  CheckRefused(LoadWithTables("[failover]\nread_error_threshold_count = 5\n"),
               "failover.error_threshold_window", "threshold window not set");
  const auto alone = LoadWithTables("[failover]\nerror_threshold_window = '5s'\n");
  CHECK(ErrorAt(alone, "failover.write_error_threshold_count") == "write error threshold not set");
  CHECK(ErrorAt(alone, "failover.read_error_threshold_count") == "read error threshold not set");
  const auto all = LoadWithTables(
      "[failover]\nerror_threshold_window = '5s'\nread_error_threshold_count = 7\n"
      "write_error_threshold_count = 0\n");
  const ErrorThresholds expected{std::chrono::seconds(5), 7, 0};
  CHECK(all.config->error_thresholds == expected);
}

TEST_CASE("counting errors needs a window of time") {
  const auto result = LoadWithTables(
      "[failover]\nerror_threshold_window = '0s'\nread_error_threshold_count = 7\n"
      "write_error_threshold_count = 7\n");
  CHECK(ErrorAt(result, "failover.error_threshold_window") == "threshold window not set");
}

TEST_CASE("a keepalive must leave a node time to answer") {
  CheckRefused(LoadWithTop("keepalive_timeout = '0s'\n"), "keepalive_timeout",
               "not in range: 0s is not greater than or equal to 1s");
  CHECK(LoadWithTop("keepalive_timeout = '3s'\n").config->keepalive_timeout ==
        std::chrono::seconds(3));
}

TEST_CASE("how long listeners stay open is read") {
  CHECK(LoadWithTop("graceful_stop_delay = '5s'\n").config->graceful_stop_delay ==
        std::chrono::seconds(5));
  CHECK(WarningAt(LoadWithTop("graceful_stop_delay = '-5s'\n"), "graceful_stop_delay") ==
        "not in range: -5s is not greater than or equal to 0s");
}

TEST_CASE("a log file is read") {
  CHECK(LoadWithTables("[logging]\nfile='/var/log/p.log'\n").config->logging.file ==
        "/var/log/p.log");
}

TEST_CASE("latency buckets must ascend") {
  CheckRefused(LoadWithTables("[prometheus]\ngrpc_latency_buckets = [0.5, 0.1]\n"),
               "prometheus.grpc_latency_buckets", "bad order: expected asc: [0.5, 0.1]");
  const auto good = LoadWithTables("[prometheus]\ngrpc_latency_buckets = [0.001, 1, 10]\n");
  CHECK(good.config->prometheus.grpc_latency_buckets == std::vector<double>{0.001, 1, 10});
  CHECK_FALSE(LoadWithTables("[prometheus]\ngrpc_latency_buckets = [nan]\n").config);
}

TEST_CASE("a limit must be in its range") {
  const auto zero = LoadWithTables("[limits]\nmax_connections = 0\n");
  CHECK(ErrorAt(zero, "limits.max_connections") ==
        "not in range: 0 is not greater than or equal to 1");
  const auto huge = LoadWithTables("[limits]\nmax_connections = 99999999999\n");
  CHECK(ErrorAt(huge, "limits.max_connections") ==
        "not in range: 99999999999 is not less than or equal to 10000000");
  CHECK(LoadWithTables("[limits]\nmax_first_message_bytes = 1024\n")
            .config->limits.max_first_message_bytes == 1024);
}

TEST_CASE("a time of [limits] must be in its range") {
  const auto none = LoadWithTables("[limits]\nhttp2_handshake_timeout = '0s'\n");
  CHECK(ErrorAt(none, "limits.http2_handshake_timeout") ==
        "not in range: 0s is not greater than or equal to 100ms");
  const auto long_one = LoadWithTables("[limits]\ntls_handshake_timeout = '1h'\n");
  CHECK(ErrorAt(long_one, "limits.tls_handshake_timeout") ==
        "not in range: 1h0m0s is not less than or equal to 10m0s");
  CHECK_FALSE(LoadWithTables("[limits]\nmax_connection_age = '-1s'\n").config);
  CHECK(LoadWithTables("[limits]\nconnection_idle_timeout = '1h'\n")
            .config->limits.connection_idle_timeout == std::chrono::hours(1));
}

// GitLab's clients keep their connections, and a GOAWAY costs each of them a handshake.
TEST_CASE("connections may be idle and old unless the file says otherwise") {
  const auto limits = LoadWithTables("").config->limits;
  CHECK(limits.connection_idle_timeout.count() == 0);
  CHECK(limits.max_connection_age.count() == 0);
}

TEST_CASE("what a command would print into the configuration must not be missing") {
  const auto result = LoadWithTop("config_command = '/bin/more-configuration'\n");
  CHECK(Mentions(ErrorAt(result, "config_command"), "config_command is not supported"));
  CHECK(LoadWithTop("config_command = ''\n").config);
}

}  // namespace praefect::config
