#pragma once

// Who may call: Gitaly's token, version 2.

#include <absl/status/status.h>

#include <optional>
#include <string>
#include <string_view>

namespace praefect::minigitaly {

struct AdmissionRules {
  std::string token;                  // empty: everybody may call
  bool health_without_token = false;  // as Gitaly does from 16.10 on
  bool explain_refusals = false;      // as newer Gitalys do
  int64_t clock_offset_seconds = 0;   // how far this node's clock is ahead
};

// `authorization` is the header's value. Unauthenticated or PermissionDenied with Gitaly's words.
absl::Status Admit(const AdmissionRules& rules, std::string_view method,
                   const std::optional<std::string>& authorization, int64_t now_unix_seconds);

}  // namespace praefect::minigitaly
