#pragma once

// Finds out how far a node's clock is ahead of ours, by showing it tokens of other times.

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace praefect::nodes {

// What a node says to a token.
enum class TokenAnswer {
  kAccepted,
  kMissing,         // it wants a token, and saw none
  kWrongSignature,  // the secret differs
  kTooOld,          // the secret is right; the token's time lies too far before the node's
  kTooNew,
  kRefused,  // no more than that; old Gitalys never say why
  kNone,     // no answer about the token: another error
};

// Of an answer with this gRPC status code and message.
TokenAnswer JudgeTokenAnswer(int code, std::string_view message);

// The answer to a token whose time is so many seconds after ours.
using AskWithShiftedClock = std::function<TokenAnswer(int64_t shift_seconds)>;

inline constexpr int kMostClockTries = 64;  // calls of `ask` in one search

// By how many seconds the node's clock is ahead (negative: behind), to the second. `unshifted` is
// what it said to a token of our time. A node that says why it refuses is searched over all times;
// for one that does not, up to five minutes and whole hours up to fourteen (wrong time zones) are
// tried. Nothing when no time is accepted or an answer stays out.
std::optional<int64_t> FindClockLead(TokenAnswer unshifted, const AskWithShiftedClock& ask);

}  // namespace praefect::nodes
