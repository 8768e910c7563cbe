#pragma once

// Gitaly's authentication tokens, version 2:
// "v2." + lower-case hex HMAC-SHA256(secret, decimal unix seconds) + "." + those seconds.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace praefect::gitaly {

// How far a token's time may lie from ours, both ends inclusive.
inline constexpr std::chrono::seconds kTokenTolerance{30};

// The value of an `authorization` header: "Bearer v2....".
std::string MakeAuthorization(std::string_view secret, int64_t unix_seconds);

enum class TokenVerdict {
  kGood,
  kMissing,         // no header, another scheme, fewer than three parts, signature not hex
  kWrongVersion,    // not v2
  kWrongSignature,  // the secret differs
  kBadTimestamp,    // what was signed is no number
  kTooOld,
  kTooNew,
};

struct TokenCheck {
  TokenVerdict verdict = TokenVerdict::kMissing;
  int64_t issued_unix_seconds = 0;  // valid for kGood, kTooOld and kTooNew
};

// Constant-time in the signature. `authorization` is the header's value, empty when there is none.
TokenCheck CheckAuthorization(std::string_view secret, std::string_view authorization,
                              int64_t now_unix_seconds);

}  // namespace praefect::gitaly
