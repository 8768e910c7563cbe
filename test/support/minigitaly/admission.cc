#include "admission.h"

#include "gitaly/token.h"

namespace praefect::minigitaly {

absl::Status Admit(const AdmissionRules& rules, std::string_view method,
                   const std::optional<std::string>& authorization, int64_t now_unix_seconds) {
  constexpr std::string_view kHealth = "/grpc.health.v1.Health/";
  if (rules.token.empty()) return absl::OkStatus();
  if (rules.health_without_token && method.substr(0, kHealth.size()) == kHealth) {
    return absl::OkStatus();
  }
  using gitaly::TokenVerdict;
  const auto check =
      gitaly::CheckAuthorization(rules.token, authorization.value_or(""), now_unix_seconds);
  if (check.verdict == TokenVerdict::kGood) return absl::OkStatus();
  if (check.verdict == TokenVerdict::kMissing) {
    return absl::UnauthenticatedError("authentication required");
  }
  return absl::PermissionDeniedError("permission denied");
}

}  // namespace praefect::minigitaly
