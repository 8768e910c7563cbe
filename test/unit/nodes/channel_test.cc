#include "nodes/channel.h"

#include <catch2/catch.hpp>

namespace praefect::nodes {
namespace {

std::string Target(const char* address) { return TargetOf(*config::ParseNodeAddress(address)); }

TEST_CASE("addresses in the gRPC library's words") {
  CHECK(Target("tcp://gitaly-1.example.com:8075") == "dns:///gitaly-1.example.com:8075");
  CHECK(Target("tcp://127.0.0.1:1") == "dns:///127.0.0.1:1");
  CHECK(Target("tcp://[::1]:8075") == "dns:///[::1]:8075");
  CHECK(Target("unix:/run/gitaly 1%.sock") == "unix:/run/gitaly%201%25.sock");
}

}  // namespace
}  // namespace praefect::nodes
