#pragma once

// The calls that an inspection makes to a node, over one gRPC connection. Blocking; every call ends
// at the deadline at the latest.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gitaly/server.pb.h"
#include "nodes/dialed_connection.h"
#include "nodes/inspection_judgement.h"

namespace praefect::nodes {

class InspectionCalls {
 public:
  // Both are borrowed.
  InspectionCalls(const GitalyServer& server, const InspectionOptions& options, Deadline deadline);
  ~InspectionCalls();
  InspectionCalls(const InspectionCalls&) = delete;
  InspectionCalls& operator=(const InspectionCalls&) = delete;

  // Health/Check; "SERVING" and so on.
  std::optional<CallFailure> CheckHealth(std::string& serving_status);

  // ServerInfo, with a token of a time that is so many seconds after ours.
  std::optional<CallFailure> AskServerInfo(int64_t shift_seconds,
                                           ::gitaly::ServerInfoResponse& info);

 private:
  struct Connection;

  const GitalyServer& server_;
  const Deadline deadline_;
  const std::function<int64_t()>& wall_clock_;
  const std::unique_ptr<Connection> connection_;
};

}  // namespace praefect::nodes
