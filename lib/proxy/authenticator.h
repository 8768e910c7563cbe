#pragma once

// Who may call: clients present the token of `[auth] token`. A token that was found good is
// remembered until it expires, so that a busy client does not cost an HMAC for each call.

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.h"
#include "http2/headers.h"
#include "routing/route.h"

namespace praefect::proxy {

// For one thread.
class Authenticator {
 public:
  static constexpr size_t kRemembered = 1'024;  // tokens; the oldest makes room

  explicit Authenticator(const config::Auth& auth) : auth_(auth) {}

  struct Verdict {
    bool allowed = false;
    // Labels of gitaly_authentications_total and gitaly_authentication_errors_total.
    std::string_view status;   // "ok", "would be ok", "unauthenticated", "denied", ...
    std::string_view error;    // empty unless a version 2 token was wrong
    std::string_view why;      // for the log; empty when all is well
    routing::Refusal refusal;  // when not allowed
    // A token that is still valid was forgotten to remember this one.
    bool forgot_valid = false;
  };
  Verdict Check(const http2::HeaderList& headers, int64_t now_unix_seconds);

  bool enforced() const { return !auth_.transitioning; }

 private:
  bool Remembers(std::string_view authorization, int64_t now);
  bool Remember(std::string_view authorization, int64_t now, int64_t expires);

  const config::Auth auth_;
  absl::flat_hash_map<std::string, int64_t> good_;  // authorization -> last second of validity
  std::array<std::string, kRemembered> order_;      // of insertion, as a ring
  size_t next_ = 0;
};

}  // namespace praefect::proxy
