#include "server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace praefect::minigitaly {
namespace {

// One thread per call: beyond this many, calls are refused.
constexpr int kMaxCalls = 4096;

// How often clients may ping, as Gitaly allows it today.
constexpr int kMinPingIntervalMilliseconds = 10000;

class GenericService : public grpc::CallbackGenericService {
 public:
  explicit GenericService(Dispatcher& dispatcher) : dispatcher_(dispatcher) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    const bool refused = Enter() > kMaxCalls;
    auto handler = [this, refused](GrpcCall& call) {
      if (refused) return absl::Status(absl::StatusCode::kResourceExhausted, "too many calls");
      return dispatcher_.Handle(call);
    };
    return GrpcCall::Launch(context, handler, [this] { Leave(); });
  }

  void WaitUntilIdle() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return calls_ == 0; });
  }

 private:
  int Enter() {
    std::lock_guard lock(mutex_);
    return ++calls_;
  }
  void Leave() {
    std::lock_guard lock(mutex_);
    if (--calls_ == 0) idle_.notify_all();
  }

  Dispatcher& dispatcher_;
  std::mutex mutex_;
  std::condition_variable idle_;
  int calls_ = 0;
};

class GrpcServer : public Server {
 public:
  explicit GrpcServer(Dispatcher& dispatcher) : service_(dispatcher) {}
  ~GrpcServer() override { Stop(std::chrono::milliseconds(0)); }

  absl::Status Listen(const std::string& listen);
  const std::string& address() const override { return address_; }

  void Stop(std::chrono::milliseconds grace) override {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + grace);
    service_.WaitUntilIdle();
    server_.reset();
  }

 private:
  GenericService service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

absl::Status GrpcServer::Listen(const std::string& listen) {
  constexpr std::string_view kTcp = "tcp://";
  const bool is_unix = listen.rfind("unix:", 0) == 0;
  const std::string target = listen.rfind(kTcp, 0) == 0 ? listen.substr(kTcp.size()) : listen;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(target, grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMilliseconds);
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterCallbackGenericService(&service_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port == 0) {
    server_.reset();
    return absl::UnavailableError("cannot listen on " + listen);
  }
  address_ =
      is_unix ? target
              : std::string(kTcp) + target.substr(0, target.rfind(':') + 1) + std::to_string(port);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const std::string& listen,
                                                      Dispatcher& dispatcher) {
  auto server = std::make_unique<GrpcServer>(dispatcher);
  const absl::Status listening = server->Listen(listen);
  if (!listening.ok()) return listening;
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace praefect::minigitaly
