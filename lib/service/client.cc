#include "service/client.h"

#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <utility>

#include "config/address.h"
#include "gitaly/praefect.grpc.pb.h"
#include "http2/grpc.h"
#include "net/tls.h"
#include "nodes/channel.h"
#include "praefect/status.grpc.pb.h"
#include "praefect/storage.grpc.pb.h"

namespace praefect::service {
namespace {

using config::Address;

absl::StatusOr<Address> AddressOf(const config::Config& config) {
  if (!config.socket_path.empty()) return config::ParseSocketPath(config.socket_path);
  const bool plain = !config.listen_addr.empty();
  const std::string& text = plain ? config.listen_addr : config.tls_listen_addr;
  if (text.empty()) return absl::FailedPreconditionError("no Praefect address configured");
  auto address = config::ParseListenAddress(text);
  if (!address.ok()) return address;
  if (address->kind == Address::Kind::kUnix) return address;
  if (!plain) address->kind = Address::Kind::kTls;
  if (address->host.empty() || address->host == "0.0.0.0") address->host = "127.0.0.1";
  if (address->host == "::") address->host = "::1";
  return address;
}

int64_t UnixSeconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

absl::Status StatusFrom(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// Makes one call of a stub's blocking method.
template <class Response, class Call>
absl::StatusOr<Response> Ask(const std::string& token, std::chrono::milliseconds timeout,
                             const Call& call) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  nodes::Authorize(context, token, UnixSeconds());
  Response response;
  const grpc::Status status = call(&context, &response);
  if (!status.ok()) return StatusFrom(status);
  return response;
}

}  // namespace

Client::Client(std::string address, std::string token, std::shared_ptr<grpc::Channel> channel)
    : address_(std::move(address)), token_(std::move(token)), channel_(std::move(channel)) {}

absl::StatusOr<Client> Client::For(const config::Config& config) {
  const auto address = AddressOf(config);
  if (!address.ok()) return address.status();
  std::shared_ptr<const net::TlsClientContext> tls;
  if (address->kind == Address::Kind::kTls) {
    auto made = net::TlsClientContext::Make(config.tls.min_version);
    if (!made.ok()) return made.status();
    tls = *std::move(made);
  }
  return Client(address->ToString(), config.auth.token, nodes::MakeChannel(*address, tls));
}

absl::StatusOr<::gitaly::GetRepositoryMetadataResponse> Client::RepositoryMetadata(
    const ::gitaly::GetRepositoryMetadataRequest& request, std::chrono::milliseconds timeout) {
  const auto stub = ::gitaly::PraefectInfoService::NewStub(channel_);
  return Ask<::gitaly::GetRepositoryMetadataResponse>(
      token_, timeout, [&](grpc::ClientContext* context, auto* response) {
        return stub->GetRepositoryMetadata(context, request, response);
      });
}

absl::StatusOr<api::StatusResponse> Client::Status(const api::StatusRequest& request,
                                                   std::chrono::milliseconds timeout) {
  const auto stub = api::StatusService::NewStub(channel_);
  return Ask<api::StatusResponse>(token_, timeout,
                                  [&](grpc::ClientContext* context, auto* response) {
                                    return stub->Status(context, request, response);
                                  });
}

absl::StatusOr<api::AcceptDiskResponse> Client::AcceptDisk(const api::AcceptDiskRequest& request,
                                                           std::chrono::milliseconds timeout) {
  const auto stub = api::StorageService::NewStub(channel_);
  return Ask<api::AcceptDiskResponse>(token_, timeout,
                                      [&](grpc::ClientContext* context, auto* response) {
                                        return stub->AcceptDisk(context, request, response);
                                      });
}

absl::StatusOr<api::GiveUpDeletesResponse> Client::GiveUpDeletes(
    const api::GiveUpDeletesRequest& request, std::chrono::milliseconds timeout) {
  const auto stub = api::StorageService::NewStub(channel_);
  return Ask<api::GiveUpDeletesResponse>(token_, timeout,
                                         [&](grpc::ClientContext* context, auto* response) {
                                           return stub->GiveUpDeletes(context, request, response);
                                         });
}

std::string RpcErrorText(const absl::Status& error) {
  const auto code = static_cast<http2::StatusCode>(error.code());
  const std::string message(error.message().data(), error.message().size());
  return fmt::format("rpc error: code = {} desc = {}", http2::StatusName(code), message);
}

}  // namespace praefect::service
