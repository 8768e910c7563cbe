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

// Valid at kNow, and different for each i below 3,900: there are 61 seconds to sign, and the
// letters of "Bearer" may be of either case.
std::string ValidToken(size_t i) {
  std::string token = gitaly::MakeAuthorization("foo", kNow - 30 + static_cast<int64_t>(i % 61));
  for (size_t letter = 0; letter < 6; letter++) {
    if ((i / 61) >> letter & 1) token[letter] = static_cast<char>(token[letter] ^ 0x20);
  }
  return token;
}

TEST_CASE("more tokens than are remembered push the oldest out, and all stay valid") {
  Gate gate;
  for (size_t i = 0; i < Authenticator::kRemembered; i++) {
    auto verdict = gate.Check({ValidToken(i)});
    REQUIRE((verdict.allowed && !verdict.forgot_valid));
  }
  CHECK(gate.Check({ValidToken(Authenticator::kRemembered)}).forgot_valid);
  CHECK(gate.Check({ValidToken(0)}).allowed);
}

TEST_CASE("making room by forgetting a token that has expired is nothing to tell") {
  Gate gate;
  for (size_t i = 0; i < Authenticator::kRemembered; i++) gate.Check({ValidToken(i)});
  const int64_t later = kNow + 100;
  CHECK_FALSE(gate.Check({gitaly::MakeAuthorization("foo", later)}, later).forgot_valid);
}

}  // namespace
}  // namespace praefect::proxy
