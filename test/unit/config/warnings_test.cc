// What an operator is told about a configuration that serves.

#include <catch2/catch.hpp>

#include "unit/config/loading.h"

namespace praefect::config {
namespace {

const std::string kTwoNodes =
    "[[virtual_storage]]\nname='v'\n"
    "[[virtual_storage.node]]\nstorage='a'\naddress='tcp://a:1'\ntoken='t'\n"
    "[[virtual_storage.node]]\nstorage='b'\naddress='tcp://b:1'\ntoken='t'\n";

}  // namespace

TEST_CASE("a node without port gets 8075") {
  const auto result = LoadStorages(
      "[[virtual_storage]]\nname='v'\n"
      "[[virtual_storage.node]]\nstorage='a'\naddress='tcp://[::1]'\nprimary=true\n");
  REQUIRE(result.config);
  CHECK(result.config->virtual_storages[0].nodes[0].address == "tcp://[::1]:8075");
  CHECK(WarningAt(result, "virtual_storage[0].node[0].address") ==
        "no port given, 8075 is assumed");
}

TEST_CASE("an address twice in a virtual storage is no redundancy") {
  const auto result = LoadStorages(
      "[[virtual_storage]]\nname='v'\n"
      "[[virtual_storage.node]]\nstorage='a'\naddress='tcp://h:8075'\nprimary=true\n"
      "[[virtual_storage.node]]\nstorage='b'\naddress='tcp://h'\n");
  REQUIRE(result.config);
  CHECK(result.warnings.back().message == "more than one backend node is hosted at tcp://h:8075");
  CHECK(result.warnings.back().suggestion ==
        "your Praefect configuration may not offer actual redundancy");
}

TEST_CASE("a virtual storage without primary is accepted and named") {
  const auto result = LoadStorages(kTwoNodes);
  REQUIRE(result.config);
  CHECK(result.config->failover_enabled);
  CHECK(Mentions(WarningAt(result, "virtual_storage[0].node"),
                 "so the first node (a) is the primary"));
}

TEST_CASE("failover defaults to off when a primary is named, else to on") {
  CHECK_FALSE(LoadFile(std::string(kServing)).config->failover_enabled);
  CHECK(LoadStorages(kTwoNodes).config->failover_enabled);
  CHECK_FALSE(LoadStorages(kTwoNodes + "[failover]\nenabled=false\n").config->failover_enabled);
  CHECK(LoadWithTop("failover_enabled = true").config->failover_enabled);
}

TEST_CASE("failover that is asked for is not there yet") {
  const auto result = LoadWithTables("[failover]\nenabled = true\n");
  CHECK(result.config->failover_enabled);
  CHECK(Mentions(WarningAt(result, "failover.enabled"), "not built yet"));
  CHECK(WarningAt(LoadWithTop("failover_enabled = true"), "failover_enabled") != "");
}

TEST_CASE("a listener on loopback is named with what clients will see") {
  const std::string host = GENERATE("localhost", "127.0.0.1", "127.8.8.8", "[::1]", "tcp://[::1]");
  const auto result = LoadFile("listen_addr = '" + host + ":2305'\n" + kTwoNodes);
  CHECK(Mentions(WarningAt(result, "listen_addr"), "14:failed to connect to all addresses"));
}

TEST_CASE("no token means no authentication, which is said") {
  const auto result = LoadFile("listen_addr = ':2305'\n" + kTwoNodes);
  REQUIRE(result.config);
  CHECK(Mentions(WarningAt(result, "auth.token"), "authentication is off"));
}

TEST_CASE("a token that clients and nodes share is a loud warning") {
  const auto result = LoadFile("listen_addr = ':2305'\nauth.token = 't'\n" + kTwoNodes);
  REQUIRE(result.config);
  CHECK(Mentions(WarningAt(result, "auth.token"),
                 "THE TOKEN OF CLIENTS IS ALSO THE TOKEN OF NODE a (virtual storage \"v\")"));
}

TEST_CASE("transitioning is a warning") {
  const auto result =
      LoadFile("listen_addr=':1'\nauth = {token='x', transitioning=true}\n" + kTwoNodes);
  CHECK(result.config->auth.transitioning);
  CHECK(WarningAt(result, "auth.transitioning") != "");
}

}  // namespace praefect::config
