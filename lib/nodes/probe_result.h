#pragma once

// What one probe of a node says, in words for people.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "nodes/server_facts.h"

namespace praefect::nodes {

struct ProbeResult {
  enum class Cause {
    kNone,          // the node is well
    kUnreachable,   // no connection, or it broke
    kTls,           // the handshake failed
    kTimeout,       // no answer in time
    kTokenRefused,  // UNAUTHENTICATED or PERMISSION_DENIED
    kNotServing,    // it answers, and says it does not serve
    kOther,         // any other error of the call
  };
  Cause cause = Cause::kNone;
  std::string reason;             // empty when it is well
  std::string_view key_to_check;  // see Node::key_to_check
  std::chrono::nanoseconds latency{0};
  std::optional<ServerFacts> facts;  // of a good token check

  bool good() const { return cause == Cause::kNone; }
};

inline constexpr std::string_view kAddressKey = "virtual_storage.node.address";
inline constexpr std::string_view kTokenKey = "virtual_storage.node.token";

// Of a Health/Check that was answered.
ProbeResult JudgeServing(bool serving);
// Of a Health/Check that failed with `code` (a gRPC status code, not 0). Messages of the gRPC
// library about connections are cut down to what the kernel or the resolver said.
ProbeResult JudgeFailure(int code, std::string_view message, std::chrono::milliseconds timeout);
// Of a TLS handshake that failed, in the words of net::TlsFailure.
ProbeResult JudgeTls(std::string_view message);

}  // namespace praefect::nodes
