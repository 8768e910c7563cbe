#include "admission.h"

#include <absl/strings/str_cat.h>

#include "gitaly/token.h"

namespace praefect::minigitaly {
namespace {

using gitaly::TokenVerdict;

const char* Explanation(TokenVerdict verdict) {
  switch (verdict) {
    case TokenVerdict::kWrongSignature:
      return ": wrong hmac signature";
    case TokenVerdict::kTooOld:
      return ": token has expired";
    case TokenVerdict::kTooNew:
      return ": token's validity window is in future";
    default:
      return "";
  }
}

}  // namespace

absl::Status Admit(const AdmissionRules& rules, std::string_view method,
                   const std::optional<std::string>& authorization, int64_t now_unix_seconds) {
  constexpr std::string_view kHealth = "/grpc.health.v1.Health/";
  if (rules.token.empty()) return absl::OkStatus();
  if (rules.health_without_token && method.substr(0, kHealth.size()) == kHealth) {
    return absl::OkStatus();
  }
  const auto check = gitaly::CheckAuthorization(rules.token, authorization.value_or(""),
                                                now_unix_seconds + rules.clock_offset_seconds);
  if (check.verdict == TokenVerdict::kGood) return absl::OkStatus();
  if (check.verdict == TokenVerdict::kMissing) {
    return absl::UnauthenticatedError("authentication required");
  }
  return absl::PermissionDeniedError(
      absl::StrCat("permission denied", rules.explain_refusals ? Explanation(check.verdict) : ""));
}

}  // namespace praefect::minigitaly
