#include "nodes/inspection_calls.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "gitaly/server.grpc.pb.h"
#include "grpc/health.grpc.pb.h"
#include "nodes/channel.h"

namespace praefect::nodes {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

std::optional<CallFailure> FailureOf(const grpc::Status& status) {
  if (status.ok()) return std::nullopt;
  return CallFailure{status.error_code(), status.error_message()};
}

std::chrono::system_clock::time_point OnWallClock(Deadline deadline) {
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(deadline -
                                                                         Deadline::clock::now());
}

}  // namespace

struct InspectionCalls::Connection {
  explicit Connection(const std::shared_ptr<grpc::Channel>& channel)
      : health(channel), server(channel) {}
  ::grpc::health::v1::Health::Stub health;
  ::gitaly::ServerService::Stub server;
};

InspectionCalls::InspectionCalls(const GitalyServer& server, const InspectionOptions& options,
                                 Deadline deadline)
    : server_(server),
      deadline_(deadline),
      wall_clock_(options.wall_clock),
      connection_(std::make_unique<Connection>(MakeChannel(server.address, options.tls))) {}

InspectionCalls::~InspectionCalls() = default;

std::optional<CallFailure> InspectionCalls::CheckHealth(std::string& serving_status) {
  grpc::ClientContext context;
  context.set_deadline(OnWallClock(deadline_));
  Authorize(context, server_.token, wall_clock_());
  HealthCheckResponse response;
  const grpc::Status status = connection_->health.Check(&context, HealthCheckRequest(), &response);
  serving_status = HealthCheckResponse::ServingStatus_Name(response.status());
  return FailureOf(status);
}

std::optional<CallFailure> InspectionCalls::AskServerInfo(int64_t shift_seconds,
                                                          ::gitaly::ServerInfoResponse& info) {
  grpc::ClientContext context;
  context.set_deadline(OnWallClock(deadline_));
  Authorize(context, server_.token, wall_clock_() + shift_seconds);
  return FailureOf(connection_->server.ServerInfo(&context, {}, &info));
}

}  // namespace praefect::nodes
