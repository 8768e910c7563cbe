#include "config/address.h"

#include <catch2/catch.hpp>

namespace praefect::config {
namespace {

std::string Node(std::string_view text) {
  const auto address = ParseNodeAddress(text);
  return address.ok() ? address->ToString() : std::string(address.status().message());
}

std::string Refusal(std::string_view text) {
  return "invalid connection string: \"" + std::string(text) + "\"";
}

}  // namespace

TEST_CASE("a node's address keeps scheme, host and port") {
  const auto address = ParseNodeAddress("tls://gitaly.internal:9999");
  REQUIRE(address.ok());
  CHECK(*address == Address{Address::Kind::kTls, "gitaly.internal", 9999, ""});
  CHECK(address->ToString() == "tls://gitaly.internal:9999");
}

TEST_CASE("a node's address may lack its port") {
  CHECK(ParseNodeAddress("tcp://praefect-git-1.internal")->port == 0);
  CHECK(Node("tcp://praefect-git-1.internal") == "tcp://praefect-git-1.internal");
}

TEST_CASE("IPv6 stands in brackets") {
  CHECK(ParseNodeAddress("tcp://[::1]:8075")->host == "::1");
  CHECK(Node("tcp://[fe80::1%eth0]:8075") == "tcp://[fe80::1%eth0]:8075");
  CHECK(Node("tcp://[::1]") == "tcp://[::1]");
  CHECK(Node("tcp://::1:8075") == Refusal("tcp://::1:8075"));
  CHECK(Node("tcp://[1.2.3.4]:1") == Refusal("tcp://[1.2.3.4]:1"));
}

TEST_CASE("after unix: everything is the path, and leading slashes collapse") {
  CHECK(ParseNodeAddress("unix:relative/socket")->path == "relative/socket");
  CHECK(ParseNodeAddress("unix:///run/a b?c#d//e")->path == "/run/a b?c#d//e");
  CHECK(ParseNodeAddress("unix:/run/tcp://x")->path == "/run/tcp://x");
  CHECK(Node("unix:") == Refusal("unix:"));
  CHECK(Node(std::string_view("unix:/a\0b", 9)) == Refusal(std::string_view("unix:/a\0b", 9)));
}

TEST_CASE("anything else is no address of a node") {
  const std::string text = GENERATE(
      "", ".", "host:8075", "http://host:1", "tcp://", "tcp://:8075", "tcp://host:", "tcp://host:0",
      "tcp://host:65536", "tcp://host:-1", "tcp://host:80x", "tcp://host/x", "tcp://user@host:1",
      "TCP://host:1", "tcp://ho st:1", "tcp://[::1", "tcp://[::1]x", "dns:///host:1");
  CHECK(Node(text) == Refusal(text));
}

TEST_CASE("a listener needs no scheme and no host, but a port") {
  CHECK(*ParseListenAddress("localhost:2305") ==
        Address{Address::Kind::kTcp, "localhost", 2305, ""});
  CHECK(*ParseListenAddress("tcp://:2305") == Address{Address::Kind::kTcp, "", 2305, ""});
  CHECK(ParseListenAddress("127.0.0.1:0").ok());
  CHECK(ParseListenAddress("[::]:2305")->host == "::");
  CHECK_FALSE(ParseListenAddress("localhost").ok());
  CHECK_FALSE(ParseListenAddress("").ok());
}

TEST_CASE("socket_path may carry its scheme") {
  CHECK(ParseSocketPath("/run/praefect.socket")->path == "/run/praefect.socket");
  CHECK(ParseSocketPath("unix:///run/praefect.socket")->path == "/run/praefect.socket");
  CHECK_FALSE(ParseSocketPath("unix:").ok());
}

}  // namespace praefect::config
