// The soak fails when it has to.

#include <catch2/catch.hpp>
#include <chrono>

#include "growth.h"
#include "ledger.h"

namespace praefect::bench {
namespace {

using grpc::StatusCode;

const CallEnd kUnavailable = {grpc::Status(StatusCode::UNAVAILABLE, "lost"), ""};
const CallEnd kWrongBytes = {grpc::Status::OK, "other bytes"};

TEST_CASE("a call may end as its kind allows, and as a fault that it overlaps does") {
  Ledger ledger;
  const auto begin = Clock::now();
  ledger.Judge("unary", {StatusCode::OK, StatusCode::UNAVAILABLE}, begin, kUnavailable);
  { const auto window = ledger.OpenWindow("node killed", {StatusCode::UNAVAILABLE}); }
  ledger.Judge("unary", {StatusCode::OK}, begin, kUnavailable);
  CHECK(ledger.Failures().empty());
  CHECK(ledger.calls() == 2);
}

TEST_CASE("a call that began after a fault was over is not excused by it") {
  Ledger ledger;
  { const auto window = ledger.OpenWindow("node killed", {StatusCode::UNAVAILABLE}); }
  ledger.Judge("unary", {StatusCode::OK}, Clock::now() + std::chrono::minutes(1), kUnavailable);
  CHECK(ledger.Failures() == std::vector<std::string>{"unary: unexpected UNAVAILABLE: lost"});
}

TEST_CASE("a fault excuses no other status, and no wrong bytes") {
  Ledger ledger;
  const auto window = ledger.OpenWindow("token changed", {StatusCode::PERMISSION_DENIED});
  ledger.Judge("unary", {StatusCode::OK}, Clock::now(), kUnavailable);
  ledger.Judge("download", {StatusCode::OK}, Clock::now(), kWrongBytes);
  CHECK(ledger.Failures().size() == 2);
}

TEST_CASE("what grows is told from what comes and goes") {
  std::vector<double> level, leak;
  for (int second = 0; second < 600; second++) {
    const double burst = second % 7 == 0 ? 0 : 100 * (second % 13);
    level.push_back(1'000 + burst);
    leak.push_back(1'000 + burst + 0.5 * second);
  }
  CHECK(Growth(level) == Approx(0).margin(1));
  CHECK(Growth(leak) == Approx(285).margin(15));
}

}  // namespace
}  // namespace praefect::bench
