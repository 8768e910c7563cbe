#include "nodes/probe_result.h"

#include <absl/status/status.h>
#include <fmt/format.h>

#include <cctype>

namespace praefect::nodes {
namespace {

constexpr size_t kMaxReasonBytes = 200;  // reasons travel in status messages

// "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to
// remote host: Connection refused" ends in the words of the kernel; so do the resolver's messages.
std::string CauseOf(std::string_view message) {
  const size_t colon = message.rfind(": ");
  std::string cause(colon == std::string_view::npos ? message : message.substr(colon + 2));
  if (cause.empty()) return "no connection";
  if (cause.size() > kMaxReasonBytes) cause.resize(kMaxReasonBytes);
  cause[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(cause[0])));
  return cause;
}

}  // namespace

ProbeResult JudgeServing(bool serving) {
  if (serving) return {};
  return {ProbeResult::Cause::kNotServing, "the node answers that it is NOT_SERVING", {}};
}

ProbeResult JudgeFailure(int code, std::string_view message, std::chrono::milliseconds timeout) {
  using Cause = ProbeResult::Cause;
  const std::string_view detail = message.substr(0, kMaxReasonBytes);
  switch (static_cast<absl::StatusCode>(code)) {
    case absl::StatusCode::kDeadlineExceeded:
      return {Cause::kTimeout, fmt::format("no answer within {} ms", timeout.count()), kAddressKey};
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return {Cause::kTokenRefused,
              fmt::format("the node refused Praefect's token: {}; check {}", detail, kTokenKey),
              kTokenKey};
    case absl::StatusCode::kUnavailable:
      return {Cause::kUnreachable, CauseOf(message), kAddressKey};
    default:
      return {Cause::kOther, fmt::format("health check failed with code {}: {}", code, detail),
              kAddressKey};
  }
}

ProbeResult JudgeTls(std::string_view message) {
  return {ProbeResult::Cause::kTls, std::string(message), kAddressKey};
}

}  // namespace praefect::nodes
