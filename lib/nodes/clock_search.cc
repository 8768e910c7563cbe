#include "nodes/clock_search.h"

#include <absl/status/status.h>

#include <vector>

#include "gitaly/token.h"

namespace praefect::nodes {
namespace {

constexpr int64_t kWindow = gitaly::kTokenTolerance.count();
constexpr int64_t kFarthest = int64_t{1} << 32;  // seconds: more than a century

class Search {
 public:
  explicit Search(const AskWithShiftedClock& ask) : ask_(ask) {}

  // By halves, where the answers are in order.
  std::optional<int64_t> AcceptedInOrder() {
    int64_t too_old = -kFarthest;
    int64_t too_new = kFarthest;
    while (too_new - too_old > 1) {
      const int64_t middle = too_old + (too_new - too_old) / 2;
      switch (Ask(middle)) {
        case TokenAnswer::kAccepted:
          return middle;
        case TokenAnswer::kTooOld:
          too_old = middle;
          break;
        case TokenAnswer::kTooNew:
          too_new = middle;
          break;
        default:
          return std::nullopt;
      }
    }
    return std::nullopt;
  }

  // Where clocks usually are when they are wrong.
  std::optional<int64_t> AcceptedAmongLikely() {
    std::vector<int64_t> distances;
    for (int64_t minutes = 1; minutes <= 5; ++minutes) distances.push_back(minutes * 60);
    for (int64_t hours = 1; hours <= 14; ++hours) distances.push_back(hours * 3600);
    for (const int64_t distance : distances) {
      for (const int64_t shift : {distance, -distance}) {
        const TokenAnswer answer = Ask(shift);
        if (answer == TokenAnswer::kAccepted) return shift;
        if (answer == TokenAnswer::kNone) return std::nullopt;
      }
    }
    return std::nullopt;
  }

  // The last accepted time is one tolerance after the node's own.
  std::optional<int64_t> LeadFrom(int64_t accepted) {
    int64_t refused = accepted + 2 * kWindow + 1;
    while (refused - accepted > 1) {
      const int64_t middle = accepted + (refused - accepted) / 2;
      const TokenAnswer answer = Ask(middle);
      if (answer == TokenAnswer::kNone) return std::nullopt;
      (answer == TokenAnswer::kAccepted ? accepted : refused) = middle;
    }
    return accepted - kWindow;
  }

 private:
  TokenAnswer Ask(int64_t shift) {
    return ++tries_ > kMostClockTries ? TokenAnswer::kNone : ask_(shift);
  }

  const AskWithShiftedClock& ask_;
  int tries_ = 0;
};

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TokenAnswer JudgeTokenAnswer(int code, std::string_view message) {
  switch (static_cast<absl::StatusCode>(code)) {
    case absl::StatusCode::kOk:
      return TokenAnswer::kAccepted;
    case absl::StatusCode::kUnauthenticated:
      return TokenAnswer::kMissing;
    case absl::StatusCode::kPermissionDenied:
      if (Contains(message, "wrong hmac signature")) return TokenAnswer::kWrongSignature;
      if (Contains(message, "token has expired")) return TokenAnswer::kTooOld;
      if (Contains(message, "validity window is in future")) return TokenAnswer::kTooNew;
      return TokenAnswer::kRefused;
    default:
      return TokenAnswer::kNone;
  }
}

std::optional<int64_t> FindClockLead(TokenAnswer unshifted, const AskWithShiftedClock& ask) {
  Search search(ask);
  std::optional<int64_t> accepted;
  if (unshifted == TokenAnswer::kAccepted) accepted = 0;
  if (unshifted == TokenAnswer::kTooOld || unshifted == TokenAnswer::kTooNew) {
    accepted = search.AcceptedInOrder();
  }
  if (unshifted == TokenAnswer::kRefused) accepted = search.AcceptedAmongLikely();
  return accepted ? search.LeadFrom(*accepted) : std::nullopt;
}

}  // namespace praefect::nodes
