#include "server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <condition_variable>
#include <fstream>
#include <iterator>
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

  absl::Status Listen(const std::string& listen, const ServerTls& tls);
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

std::string ContentOf(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::shared_ptr<grpc::ServerCredentials> CredentialsOf(const ServerTls& tls) {
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({ContentOf(tls.key), ContentOf(tls.certificate)});
  return grpc::SslServerCredentials(options);
}

absl::Status GrpcServer::Listen(const std::string& listen, const ServerTls& tls) {
  const bool is_unix = listen.rfind("unix:", 0) == 0;
  const bool is_tls = listen.rfind("tls://", 0) == 0;
  const size_t scheme = listen.find("://");
  const std::string target =
      is_unix || scheme == std::string::npos ? listen : listen.substr(scheme + 3);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(target, is_tls ? CredentialsOf(tls) : grpc::InsecureServerCredentials(),
                           &port);
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
  address_ = is_unix ? target
                     : (is_tls ? "tls://" : "tcp://") + target.substr(0, target.rfind(':') + 1) +
                           std::to_string(port);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const std::string& listen,
                                                      const ServerTls& tls,
                                                      Dispatcher& dispatcher) {
  auto server = std::make_unique<GrpcServer>(dispatcher);
  const absl::Status listening = server->Listen(listen, tls);
  if (!listening.ok()) return listening;
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace praefect::minigitaly
