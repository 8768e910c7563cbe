#include "proxy/client_session.h"

#include <catch2/catch.hpp>

namespace praefect::proxy {
namespace {

using std::chrono::milliseconds;

TEST_CASE("connections of one age end within a fifth of it") {
  CHECK(WithJitter(milliseconds(1'000), 0) == milliseconds(900));
  CHECK(WithJitter(milliseconds(1'000), 0.5) == milliseconds(1'000));
  CHECK(WithJitter(milliseconds(1'000), 1) == milliseconds(1'100));
}

}  // namespace
}  // namespace praefect::proxy
