#include "service/local_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "service/health_service.h"
#include "service/info_service.h"
#include "service/server_service.h"
#include "service/serving_state.h"
#include "service/status_service.h"
#include "service/storage_service.h"

namespace praefect::service {
namespace {

constexpr std::array<std::string_view, 10> kMethods = {
    "/gitaly.PraefectInfoService/GetRepositoryMetadata",
    "/gitaly.PraefectInfoService/RepositoryReplicas",
    "/gitaly.ServerService/DiskStatistics",
    "/gitaly.ServerService/ServerInfo",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/praefect.api.StatusService/Status",
    "/praefect.api.StorageService/AcceptDisk",
    "/praefect.api.StorageService/GiveUpDeletes",
};

}  // namespace

class LocalServer::Impl {
 public:
  Impl(nodes::Manager& nodes, observe::Logger& logger, const BooksSource& books,
       std::string version)
      : state_(std::make_shared<ServingState>()),
        health_(*state_),
        server_service_(nodes, logger),
        info_service_(nodes, books, logger),
        status_service_(nodes, books, std::move(version)),
        storage_service_(nodes, books, logger) {
    // The manager lives longer than this server, so it gets its own share of the state.
    nodes.Subscribe([state = state_](std::shared_ptr<const nodes::Snapshot> snapshot) {
      state->Update(*snapshot);
    });
  }

  ~Impl() { Stop(); }

  absl::Status Start() {
    // Adds reflection to all servers of the process made from now on. The library does the same by
    // itself when it is loaded; this makes sure that it is.
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    // Only reflection and an operator's decisions are synchronous, and nobody calls them often.
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
    builder.RegisterService(&health_);
    builder.RegisterService(&server_service_);
    builder.RegisterService(&info_service_);
    builder.RegisterService(&status_service_);
    builder.RegisterService(&storage_service_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return absl::InternalError("cannot start the server of own services");
    return absl::OkStatus();
  }

  absl::StatusOr<int> Connect() {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
      return absl::UnavailableError(
          fmt::format("cannot connect to own services: {}", std::strerror(errno)));
    }
    grpc::AddInsecureChannelFromFd(server_.get(), ends[1]);  // which owns it from now on
    return ends[0];
  }

  void SetBooksUsable() { state_->SetBooksUsable(); }
  void SetDraining() { state_->SetDraining(); }

  void Stop() {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
    info_service_.Wait();
  }

 private:
  const std::shared_ptr<ServingState> state_;
  HealthService health_;
  ServerService server_service_;
  InfoService info_service_;
  StatusService status_service_;
  StorageService storage_service_;
  std::unique_ptr<grpc::Server> server_;
};

LocalServer::LocalServer(nodes::Manager& nodes, observe::Logger& logger, BooksSource books,
                         std::string version)
    : impl_(std::make_unique<Impl>(nodes, logger, books, std::move(version))) {}

LocalServer::~LocalServer() = default;

absl::Status LocalServer::Start() { return impl_->Start(); }
absl::StatusOr<int> LocalServer::Connect() { return impl_->Connect(); }
std::span<const std::string_view> LocalServer::methods() const { return kMethods; }
void LocalServer::SetBooksUsable() { impl_->SetBooksUsable(); }
void LocalServer::SetDraining() { impl_->SetDraining(); }
void LocalServer::Stop() { impl_->Stop(); }

}  // namespace praefect::service
