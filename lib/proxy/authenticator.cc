#include "proxy/authenticator.h"

#include "gitaly/token.h"

namespace praefect::proxy {
namespace {

using gitaly::TokenVerdict;

struct Texts {
  bool denied = false;      // PermissionDenied instead of Unauthenticated
  std::string_view error;   // label
  std::string_view why;     // log
  std::string_view reason;  // label of a refusal
};

Texts TextsFor(TokenVerdict verdict) {
  switch (verdict) {
    case TokenVerdict::kGood:
      return {};
    case TokenVerdict::kMissing:
      return {false, "", "no token, or one that is not of the form v2.SIGNATURE.SECONDS",
              "auth_missing"};
    case TokenVerdict::kWrongVersion:
      return {true, "", "the token is not of version 2", "auth_version"};
    case TokenVerdict::kWrongSignature:
      return {true, "wrong hmac signature",
              "the token was made with another secret than auth.token", "auth_signature"};
    case TokenVerdict::kBadTimestamp:
      return {true, "cannot parse timestamp", "the token's time is no number", "auth_timestamp"};
    case TokenVerdict::kTooOld:
      return {true, "timestamp too old",
              "the token is too old: compare the clocks of client and Praefect", "auth_too_old"};
    case TokenVerdict::kTooNew:
      return {true, "timestamp too new",
              "the token is from the future: compare the clocks of client and Praefect",
              "auth_too_new"};
  }
  return {};
}

Authenticator::Verdict Judge(const Texts& texts, bool transitioning) {
  Authenticator::Verdict verdict;
  verdict.allowed = transitioning;
  verdict.status = texts.denied ? "denied" : "unauthenticated";
  verdict.error = texts.error;
  verdict.why = texts.why;
  verdict.refusal = {
      texts.denied ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kUnauthenticated,
      texts.denied ? "permission denied" : "authentication required", texts.reason,
      std::string(texts.why)};
  return verdict;
}

}  // namespace

Authenticator::Verdict Authenticator::Check(const http2::HeaderList& headers, int64_t now) {
  Verdict good{true, auth_.transitioning ? "would be ok" : "ok", "", "", {}, false};
  if (auth_.token.empty()) {
    good.status = "server disabled authentication";
    return good;
  }
  std::string_view authorization;
  int values = 0;
  for (const auto& field : headers.fields()) {
    if (field.name != "authorization") continue;
    authorization = field.value;
    values++;
  }
  if (values > 1) {
    return Judge({false, "", "several authorization values", "auth_several"}, auth_.transitioning);
  }
  if (Remembers(authorization, now)) return good;
  gitaly::TokenCheck check = gitaly::CheckAuthorization(auth_.token, authorization, now);
  if (check.verdict != TokenVerdict::kGood) {
    return Judge(TextsFor(check.verdict), auth_.transitioning);
  }
  good.forgot_valid =
      Remember(authorization, now, check.issued_unix_seconds + gitaly::kTokenTolerance.count());
  return good;
}

bool Authenticator::Remembers(std::string_view authorization, int64_t now) {
  auto found = good_.find(absl::string_view(authorization.data(), authorization.size()));
  return found != good_.end() && now <= found->second;
}

bool Authenticator::Remember(std::string_view authorization, int64_t now, int64_t expires) {
  const auto oldest = good_.find(order_[next_]);
  const bool forgot_valid = oldest != good_.end() && now <= oldest->second;
  good_.erase(order_[next_]);
  order_[next_] = authorization;
  good_[order_[next_]] = expires;
  next_ = (next_ + 1) % kRemembered;
  return forgot_valid;
}

}  // namespace praefect::proxy
