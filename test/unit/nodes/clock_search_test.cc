// How far a node's clock is off, found out by asking a node that only exists in numbers.

#include "nodes/clock_search.h"

#include <catch2/catch.hpp>
#include <cstdlib>

namespace praefect::nodes {
namespace {

// Its clock is so many seconds ahead.
class Node {
 public:
  explicit Node(int64_t lead, bool explains = true) : lead_(lead), explains_(explains) {}

  TokenAnswer Ask(int64_t shift) {
    ++calls;
    if (calls > patience) return TokenAnswer::kNone;
    if (std::abs(lead_ - shift) <= 30) return TokenAnswer::kAccepted;
    if (!explains_) return TokenAnswer::kRefused;
    return shift < lead_ ? TokenAnswer::kTooOld : TokenAnswer::kTooNew;
  }

  std::optional<int64_t> FindLead() {
    const TokenAnswer unshifted = Ask(0);
    return FindClockLead(unshifted, [this](int64_t shift) { return Ask(shift); });
  }

  int calls = 0;
  int patience = 1'000;

 private:
  const int64_t lead_;
  const bool explains_;
};

TEST_CASE("the lead of a clock is found to the second where the node says why it refuses") {
  const int64_t lead = GENERATE(-2'000'000'000, -86'400, -31, -30, -11, 0, 11, 30, 31, 95, 3'600,
                                86'400 * 400, 2'000'000'000);
  Node node(lead);
  CHECK(node.FindLead() == lead);
  CHECK(node.calls <= kMostClockTries + 1);
}

TEST_CASE("the lead of a clock is found where the node does not say why it refuses") {
  const int64_t lead =
      GENERATE(-14 * 3'600, -7'200, -3'590, -300, -95, -31, 31, 95, 270, 3'620, 14 * 3'600);
  Node node(lead, false);
  CHECK(node.FindLead() == lead);
  CHECK(node.calls <= kMostClockTries + 1);
}

TEST_CASE("a time that is nowhere near is not looked for without end") {
  Node node(1'000, false);
  CHECK_FALSE(node.FindLead());
  CHECK(node.calls <= kMostClockTries + 1);
}

TEST_CASE("a node that stops answering is left alone") {
  const int patience = GENERATE(1, 2, 10, 30);
  Node node(100'000'123);
  node.patience = patience;
  CHECK_FALSE(node.FindLead());
  CHECK(node.calls == patience + 1);
}

TEST_CASE("a wrong secret has nothing to do with the time") {
  const auto ask = [](int64_t) -> TokenAnswer { throw std::logic_error("nobody should ask"); };
  for (const auto answer :
       {TokenAnswer::kWrongSignature, TokenAnswer::kMissing, TokenAnswer::kNone}) {
    CHECK_FALSE(FindClockLead(answer, ask));
  }
}

TEST_CASE("what Gitaly says about a token is understood") {
  CHECK(JudgeTokenAnswer(0, "") == TokenAnswer::kAccepted);
  CHECK(JudgeTokenAnswer(16, "authentication required") == TokenAnswer::kMissing);
  CHECK(JudgeTokenAnswer(7, "permission denied") == TokenAnswer::kRefused);
  CHECK(JudgeTokenAnswer(7, "permission denied: wrong hmac signature") ==
        TokenAnswer::kWrongSignature);
  CHECK(JudgeTokenAnswer(7, "permission denied: token has expired") == TokenAnswer::kTooOld);
  CHECK(JudgeTokenAnswer(7, "permission denied: token's validity window is in future") ==
        TokenAnswer::kTooNew);
  CHECK(JudgeTokenAnswer(14, "unavailable") == TokenAnswer::kNone);
}

}  // namespace
}  // namespace praefect::nodes
