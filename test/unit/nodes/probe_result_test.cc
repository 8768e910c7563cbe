#include "nodes/probe_result.h"

#include <absl/status/status.h>

#include <catch2/catch.hpp>

namespace praefect::nodes {
namespace {

using Cause = ProbeResult::Cause;

ProbeResult Failure(absl::StatusCode code, std::string_view message) {
  return JudgeFailure(static_cast<int>(code), message, std::chrono::milliseconds(1'000));
}

TEST_CASE("a serving node is well") {
  CHECK(JudgeServing(true).good());
  CHECK(JudgeServing(true).reason.empty());
}

TEST_CASE("a node may say that it does not serve") {
  CHECK(JudgeServing(false).cause == Cause::kNotServing);
  CHECK(JudgeServing(false).reason == "the node answers that it is NOT_SERVING");
  CHECK(JudgeServing(false).key_to_check.empty());
}

TEST_CASE("of the library's messages the kernel's words are kept") {
  const ProbeResult result = Failure(
      absl::StatusCode::kUnavailable,
      "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to "
      "connect to remote host: Connection refused");
  CHECK(result.cause == Cause::kUnreachable);
  CHECK(result.reason == "connection refused");
  CHECK(result.key_to_check == "virtual_storage.node.address");
  CHECK(Failure(absl::StatusCode::kUnavailable, "").reason == "no connection");
  CHECK(Failure(absl::StatusCode::kUnavailable, std::string(9'000, 'x')).reason.size() == 200);
}

TEST_CASE("silence is a timeout") {
  const ProbeResult result = Failure(absl::StatusCode::kDeadlineExceeded, "Deadline Exceeded");
  CHECK(result.cause == Cause::kTimeout);
  CHECK(result.reason == "no answer within 1000 ms");
}

TEST_CASE("a refused token names the key to correct") {
  for (const auto code :
       {absl::StatusCode::kPermissionDenied, absl::StatusCode::kUnauthenticated}) {
    const ProbeResult result = Failure(code, "permission denied");
    CHECK(result.cause == Cause::kTokenRefused);
    CHECK(result.key_to_check == "virtual_storage.node.token");
    CHECK(result.reason ==
          "the node refused Praefect's token: permission denied; check virtual_storage.node.token");
  }
}

TEST_CASE("other errors are shown with their code") {
  const ProbeResult result = Failure(absl::StatusCode::kUnimplemented, "unknown service");
  CHECK(result.cause == Cause::kOther);
  CHECK(result.reason == "health check failed with code 12: unknown service");
}

}  // namespace
}  // namespace praefect::nodes
