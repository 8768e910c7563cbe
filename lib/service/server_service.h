#pragma once

// gitaly.ServerService for a cluster: what it tells is gathered from the nodes.

#include <map>
#include <memory>
#include <string>

#include "gitaly/server.grpc.pb.h"
#include "nodes/manager.h"
#include "observe/log.h"
#include "observe/mutex.h"

namespace praefect::service {

class ServerService final : public ::gitaly::ServerService::CallbackService {
 public:
  ServerService(nodes::Manager& nodes, observe::Logger& logger) : nodes_(nodes), logger_(logger) {}

  grpc::ServerUnaryReactor* ServerInfo(grpc::CallbackServerContext* context,
                                       const ::gitaly::ServerInfoRequest* request,
                                       ::gitaly::ServerInfoResponse* response) override;
  grpc::ServerUnaryReactor* DiskStatistics(grpc::CallbackServerContext* context,
                                           const ::gitaly::DiskStatisticsRequest* request,
                                           ::gitaly::DiskStatisticsResponse* response) override;

 private:
  using Stub = ::gitaly::ServerService::Stub;

  // One connection for each node; the gRPC library closes it when nobody asked for half an hour.
  std::shared_ptr<Stub> StubFor(const nodes::Node& node);

  nodes::Manager& nodes_;
  observe::Logger& logger_;
  observe::Mutex mutex_;
  struct Known {
    std::shared_ptr<Stub> stub;
    std::shared_ptr<const net::TlsClientContext> tls;  // that it was made with
  };
  std::map<uint32_t, Known> stubs_ ABSL_GUARDED_BY(mutex_);  // by node id
};

}  // namespace praefect::service
