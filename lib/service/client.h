#pragma once

// How the commands of an operator reach a running Praefect: by its own address and token, as the
// configuration has them.

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>

#include "config/config.h"
#include "gitaly/praefect.pb.h"
#include "praefect/status.pb.h"
#include "praefect/storage.pb.h"

namespace grpc {
class Channel;
}

namespace praefect::service {

class Client {
 public:
  // The unix socket where there is one, else TCP, else TLS; a listener on every interface is
  // reached by loopback. Connects with the first call. FAILED_PRECONDITION: "no Praefect address
  // configured", or what is wrong with the trust store.
  static absl::StatusOr<Client> For(const config::Config& config);

  // Errors are the server's, UNAVAILABLE where none answers. Blocking, for `timeout` at most.
  absl::StatusOr<::gitaly::GetRepositoryMetadataResponse> RepositoryMetadata(
      const ::gitaly::GetRepositoryMetadataRequest& request, std::chrono::milliseconds timeout);
  absl::StatusOr<api::StatusResponse> Status(const api::StatusRequest& request,
                                             std::chrono::milliseconds timeout);

  absl::StatusOr<api::AcceptDiskResponse> AcceptDisk(const api::AcceptDiskRequest& request,
                                                     std::chrono::milliseconds timeout);
  absl::StatusOr<api::GiveUpDeletesResponse> GiveUpDeletes(const api::GiveUpDeletesRequest& request,
                                                           std::chrono::milliseconds timeout);

  const std::string& address() const { return address_; }  // "tcp://127.0.0.1:2305"

 private:
  Client(std::string address, std::string token, std::shared_ptr<grpc::Channel> channel);

  std::string address_;
  std::string token_;
  std::shared_ptr<grpc::Channel> channel_;
};

// "rpc error: code = NotFound desc = repository not found", as upstream's commands print it.
std::string RpcErrorText(const absl::Status& error);

}  // namespace praefect::service
