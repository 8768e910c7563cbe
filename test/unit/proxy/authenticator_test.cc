#include "proxy/authenticator.h"

#include <catch2/catch.hpp>

#include "gitaly/token.h"

namespace praefect::proxy {
namespace {

constexpr int64_t kNow = 1'535'671'600;

struct Gate {
  explicit Gate(bool transitioning = false, std::string secret = "foo")
      : authenticator(config::Auth{std::move(secret), transitioning}) {}

  Authenticator::Verdict Check(std::initializer_list<std::string> values, int64_t now = kNow) {
    http2::HeaderList headers;
    headers.Add(":path", "/a/b");
    for (const auto& value : values) headers.Add("authorization", value);
    return authenticator.Check(headers, now);
  }

  Authenticator authenticator;
};

TEST_CASE("a good token is let in") {
  Gate gate;
  auto verdict = gate.Check({gitaly::MakeAuthorization("foo", kNow)});
  CHECK(verdict.allowed);
  CHECK(verdict.status == "ok");
}

TEST_CASE("no token and a malformed one are told that authentication is required") {
  Gate gate;
  for (auto verdict : {gate.Check({}), gate.Check({"Basic abc"}), gate.Check({"Bearer v2.abc"})}) {
    CHECK_FALSE(verdict.allowed);
    CHECK(verdict.refusal.code == absl::StatusCode::kUnauthenticated);
    CHECK(verdict.refusal.message == "authentication required");
    CHECK(verdict.status == "unauthenticated");
  }
}

TEST_CASE("wrong tokens are denied with one message, and the log tells them apart") {
  Gate gate;
  auto wrong = gate.Check({gitaly::MakeAuthorization("bar", kNow)});
  auto old = gate.Check({gitaly::MakeAuthorization("foo", kNow - 31)});
  auto early = gate.Check({gitaly::MakeAuthorization("foo", kNow + 31)});
  for (const auto* verdict : {&wrong, &old, &early}) {
    CHECK_FALSE(verdict->allowed);
    CHECK(verdict->refusal.code == absl::StatusCode::kPermissionDenied);
    CHECK(verdict->refusal.message == "permission denied");
  }
  CHECK(wrong.error == "wrong hmac signature");
  CHECK(old.error == "timestamp too old");
  CHECK(early.error == "timestamp too new");
  CHECK(wrong.why != old.why);
}

TEST_CASE("several authorization values are refused, even when all are good") {
  Gate gate;
  std::string good = gitaly::MakeAuthorization("foo", kNow);
  auto verdict = gate.Check({good, good});
  CHECK_FALSE(verdict.allowed);
  CHECK(verdict.refusal.message == "authentication required");
}

TEST_CASE("while transitioning everybody is let in and failures are still told") {
  Gate gate(true);
  auto verdict = gate.Check({gitaly::MakeAuthorization("bar", kNow)});
  CHECK(verdict.allowed);
  CHECK(verdict.status == "denied");
  CHECK(gate.Check({gitaly::MakeAuthorization("foo", kNow)}).status == "would be ok");
  CHECK_FALSE(gate.authenticator.enforced());
}

TEST_CASE("without a configured token authentication is off") {
  Gate gate(false, "");
  CHECK(gate.Check({"Bearer nonsense"}).status == "server disabled authentication");
}

TEST_CASE("a remembered token is forgotten when it expires") {
  Gate gate;
  std::string token = gitaly::MakeAuthorization("foo", kNow);
  CHECK(gate.Check({token}, kNow).allowed);
  CHECK(gate.Check({token}, kNow + 30).allowed);
  CHECK_FALSE(gate.Check({token}, kNow + 31).allowed);
}

TEST_CASE("more tokens than are remembered push the oldest out, and all stay valid") {
  Gate gate;
  for (size_t i = 0; i < Authenticator::kRemembered + 10; i++) {
    auto at = kNow - 30 + static_cast<int64_t>(i % 60);
    REQUIRE(gate.Check({gitaly::MakeAuthorization("foo", at)}).allowed);
  }
  CHECK(gate.Check({gitaly::MakeAuthorization("foo", kNow)}).allowed);
}

}  // namespace
}  // namespace praefect::proxy
