#pragma once

// grpc.health.v1 on top of ServingState. The gRPC library has such a service, but only behind a
// switch of the whole process.

#include "grpc/health.grpc.pb.h"
#include "service/serving_state.h"

namespace praefect::service {

class HealthService final : public ::grpc::health::v1::Health::CallbackService {
 public:
  explicit HealthService(ServingState& state) : state_(state) {}  // borrowed

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const ::grpc::health::v1::HealthCheckRequest* request,
                                  ::grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<::grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const ::grpc::health::v1::HealthCheckRequest* request) override;

 private:
  ServingState& state_;
};

}  // namespace praefect::service
