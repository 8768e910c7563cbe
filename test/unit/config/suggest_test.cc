#include "config/suggest.h"

#include <catch2/catch.hpp>
#include <vector>

namespace praefect::config {
namespace {

const std::vector<std::string> kNames = {"listen_addr", "socket_path", "workers"};

}  // namespace

TEST_CASE("a misspelt name is recognised") {
  CHECK(ClosestName("listen_adr", kNames) == "listen_addr");
  CHECK(ClosestName("lisen_address", kNames) == "listen_addr");
  CHECK(ClosestName("worker", kNames) == "workers");
  CHECK(ClosestName("socketpath", kNames) == "socket_path");
}

TEST_CASE("an entirely different word is not") {
  CHECK(ClosestName("colour", kNames).empty());
  CHECK(ClosestName("", kNames).empty());
  CHECK(ClosestName("x", kNames).empty());
  CHECK(ClosestName(std::string(100'000, 'w'), kNames).empty());
  CHECK(ClosestName("workers", {}).empty());
}

}  // namespace praefect::config
