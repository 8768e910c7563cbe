#pragma once

// What it means that a node cannot be reached or refuses, in words for people. Pure.

#include <absl/status/status.h>

#include <optional>
#include <string>
#include <vector>

#include "nodes/clock_search.h"
#include "nodes/dialed_connection.h"
#include "nodes/inspection.h"

namespace praefect::nodes {

// Of a gRPC call that failed.
struct CallFailure {
  int code = 0;  // a gRPC status code, not 0
  std::string message;
};

// As gRPC for Go writes it: "rpc error: code = PermissionDenied desc = permission denied".
std::string ToString(const CallFailure& failure);

Step JudgeResolving(const GitalyServer& server, const absl::Status& status);

// `tried` is "10.0.0.2:8075", empty for a unix socket; `error_number` is not 0.
Step JudgeConnecting(const GitalyServer& server, const std::string& tried, int error_number);

// Of a handshake that failed. `clear_answers`: the same address speaks HTTP/2 without TLS.
Step JudgeTlsFailure(const GitalyServer& server, const net::TlsFailure& failure,
                     bool clear_answers);
// Of one that worked. A second step where the certificate has to be renewed soon.
std::vector<Step> JudgeCertificate(int64_t not_after, int64_t now_unix_seconds);

// Of what came instead of HTTP/2, or HTTP/2. `tls_answers`: no TLS was spoken, and the same address
// takes a TLS handshake.
Step JudgeGreeting(const GitalyServer& server, Greeting greeting, bool tls_answers);

// A health check that failed for another reason than the token.
Step JudgeHealthFailure(const GitalyServer& server, const CallFailure& failure);
// One that was answered.
Step JudgeServingStatus(const std::string& serving_status);

// The node refused our token; `clock_lead` is what was found out about its clock. One step about
// the token, and one about the clock where that is the reason.
std::vector<Step> JudgeRefusedToken(const GitalyServer& server, const CallFailure& failure,
                                    std::optional<int64_t> clock_lead);
// It took our token, but not each of two that were a little off.
Step JudgeClockLead(int64_t clock_lead);

// ServerInfo that failed for another reason than the token.
Step JudgeInfoFailure(const GitalyServer& server, const CallFailure& failure);

}  // namespace praefect::nodes
