#include "gitaly/token.h"

#include <catch2/catch.hpp>

namespace praefect::gitaly {
namespace {

constexpr int64_t kNow = 1535671600;

TokenVerdict Check(std::string_view authorization, int64_t now = kNow) {
  return CheckAuthorization("foo", authorization, now).verdict;
}

TEST_CASE("Gitaly's own tokens pass") {
  CHECK(Check("Bearer v2.3346cb25ecdb928defd368e7390522a86764bbdf1e8b21aaef27c4c23ec9c899."
              "1535671615") == TokenVerdict::kGood);
  CHECK(Check("Bearer v2.b77158328e80be2984eaf08788419d25f3484eae484aec1297af6bdf1a456610."
              "1535671585") == TokenVerdict::kGood);
}

TEST_CASE("a token is made as Gitaly makes it") {
  CHECK(MakeAuthorization("foo", 1535671615) ==
        "Bearer v2.3346cb25ecdb928defd368e7390522a86764bbdf1e8b21aaef27c4c23ec9c899.1535671615");
}

TEST_CASE("a token is good for thirty seconds either way, both ends included") {
  CHECK(Check(MakeAuthorization("foo", kNow - 30)) == TokenVerdict::kGood);
  CHECK(Check(MakeAuthorization("foo", kNow + 30)) == TokenVerdict::kGood);
  CHECK(Check(MakeAuthorization("foo", kNow - 31)) == TokenVerdict::kTooOld);
  CHECK(Check(MakeAuthorization("foo", kNow + 31)) == TokenVerdict::kTooNew);
  CHECK(CheckAuthorization("foo", MakeAuthorization("foo", kNow - 31), kNow).issued_unix_seconds ==
        kNow - 31);
}

TEST_CASE("times at the ends of the range do not overflow") {
  CHECK(Check(MakeAuthorization("foo", INT64_MIN), INT64_MAX) == TokenVerdict::kTooOld);
  CHECK(Check(MakeAuthorization("foo", INT64_MAX), INT64_MIN) == TokenVerdict::kTooNew);
}

TEST_CASE("what is no token of three parts counts as missing") {
  const std::string good = MakeAuthorization("foo", kNow);
  for (const std::string_view authorization :
       {"", "Bearer", "Bearer ", "Bearer v2", "Bearer v2.ab", "Basic dXNlcjpwYXNz", "v2.ab.1",
        "Bearer v2.xyz.1535671600", "Bearer v2.abc.1535671600", "Bearer v3.xyz.1535671600"}) {
    INFO(authorization);
    CHECK(Check(authorization) == TokenVerdict::kMissing);
  }
  CHECK(Check(good.substr(7)) == TokenVerdict::kMissing);
}

TEST_CASE("the scheme and the signature may be written in either case") {
  std::string token = MakeAuthorization("foo", kNow);
  token[0] = 'b';
  for (size_t i = 10; i < 74; ++i) token[i] = static_cast<char>(toupper(token[i]));
  CHECK(Check(token) == TokenVerdict::kGood);
}

TEST_CASE("another version is told apart") {
  std::string token = MakeAuthorization("foo", kNow);
  token[8] = '3';
  CHECK(Check(token) == TokenVerdict::kWrongVersion);
}

TEST_CASE("another secret, another time and a short signature are wrong signatures") {
  std::string moved = MakeAuthorization("foo", kNow);
  moved.back() = '1';
  CHECK(Check(MakeAuthorization("bar", kNow)) == TokenVerdict::kWrongSignature);
  CHECK(Check(MakeAuthorization("", kNow)) == TokenVerdict::kWrongSignature);
  CHECK(Check(moved) == TokenVerdict::kWrongSignature);
  CHECK(Check("Bearer v2..1535671600") == TokenVerdict::kWrongSignature);
  CHECK(Check("Bearer v2.3346cb25.1535671600") == TokenVerdict::kWrongSignature);
}

TEST_CASE("what was signed has to be a number") {
  // HMAC-SHA256 with the key "foo" of "soon", "", "12x" and "+-1".
  for (const std::string_view token :
       {"Bearer v2.1a1f50c0eb74a623b6c92acbc7f10d14b59e9195ef1f3d99117989cf82adcc04.soon",
        "Bearer v2.683716d9d7f82eed174c6caebe086ee93376c79d7c61dd670ea00f7f8d6eb0a8.",
        "Bearer v2.63f463de2a39b4bddfa4190172fd70b99b840d7f5c844cecf0cd3c0401f5df89.12x",
        "Bearer v2.80e77d0e9b3dba98b5b3dcbb916bb4df28b161f3c14f4ed11783be80bd7dd3a0.+-1"}) {
    INFO(token);
    CHECK(Check(token) == TokenVerdict::kBadTimestamp);
  }
}

}  // namespace
}  // namespace praefect::gitaly
