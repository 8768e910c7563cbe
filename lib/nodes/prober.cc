#include "nodes/prober.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <string>
#include <utility>

#include "gitaly/server.grpc.pb.h"
#include "grpc/health.grpc.pb.h"
#include "nodes/channel.h"
#include "observe/mutex.h"

namespace praefect::nodes {

using ::gitaly::ServerInfoRequest;
using ::gitaly::ServerInfoResponse;
using ::gitaly::ServerService;
using HealthService = ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

class Prober::Impl {
 public:
  Impl(const Node& node, std::chrono::milliseconds timeout, WallClock wall_clock,
       TlsDiagnosis& diagnosis)
      : address_(node.address),
        tls_(node.tls),
        token_(node.token),
        timeout_(timeout),
        wall_clock_(std::move(wall_clock)),
        diagnosis_(diagnosis) {}

  ~Impl() {
    if (call_ != nullptr) call_->context.TryCancel();
    observe::MutexLock lock(mutex_);
    while (in_flight_ > 0) finished_.Wait(lock);
  }

  void CheckHealth(Done done) {
    Connection& connection = NewCall(std::move(done));
    connection.health.async()->Check(&call_->context, &call_->health_request,
                                     &call_->health_response,
                                     [this, call = call_.get()](const grpc::Status& status) {
                                       Finish(*call, JudgeHealth(*call, status));
                                     });
  }

  void CheckToken(Done done) {
    Connection& connection = NewCall(std::move(done));
    connection.server.async()->ServerInfo(
        &call_->context, &call_->info_request, &call_->info_response,
        [this, call = call_.get()](const grpc::Status& status) {
          Finish(*call, status.ok() ? WithFacts(call->info_response) : JudgeFailed(status));
        });
  }

 private:
  struct Connection {
    explicit Connection(const std::shared_ptr<grpc::Channel>& channel)
        : health(channel), server(channel) {}
    HealthService::Stub health;
    ServerService::Stub server;
  };
  struct Call {
    grpc::ClientContext context;
    HealthCheckRequest health_request;
    HealthCheckResponse health_response;
    ServerInfoRequest info_request;
    ServerInfoResponse info_response;
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
    Done done;
  };

  // Makes call_, and returns the connection to send it over.
  Connection& NewCall(Done done) {
    call_ = std::make_unique<Call>();
    call_->done = std::move(done);
    call_->context.set_deadline(std::chrono::system_clock::now() + timeout_);
    Authorize(call_->context, token_, wall_clock_());
    {
      observe::MutexLock lock(mutex_);
      ++in_flight_;
    }
    // A connection on which an answer stayed out may be dead without either side having been told:
    // the next call gets a new one.
    if (connection_ == nullptr || timed_out_.exchange(false)) {
      connection_ = std::make_unique<Connection>(MakeChannel(address_, tls_));
    }
    return *connection_;
  }

  ProbeResult JudgeHealth(const Call& call, const grpc::Status& status) const {
    if (!status.ok()) return JudgeFailed(status);
    return JudgeServing(call.health_response.status() == HealthCheckResponse::SERVING);
  }

  static ProbeResult WithFacts(const ServerInfoResponse& response) {
    ProbeResult result;
    result.facts.emplace();
    result.facts->server_version = response.server_version();
    result.facts->git_version = response.git_version();
    for (const auto& status : response.storage_statuses()) {
      result.facts->storages.push_back({status.storage_name(), status.filesystem_id()});
    }
    return result;
  }

  ProbeResult JudgeFailed(const grpc::Status& status) const {
    return JudgeFailure(status.error_code(), status.error_message(), timeout_);
  }

  void Finish(Call& call, ProbeResult result) {
    result.latency = std::chrono::steady_clock::now() - call.started;
    timed_out_ = result.cause == ProbeResult::Cause::kTimeout;
    const bool unreached = result.cause == ProbeResult::Cause::kUnreachable || timed_out_;
    if (!unreached || tls_ == nullptr) return Deliver(call, std::move(result));
    diagnosis_.Ask(address_, tls_, timeout_, [this, &call, result](const absl::Status& status) {
      const auto message = status.message();
      Deliver(call, status.code() == absl::StatusCode::kFailedPrecondition
                        ? JudgeTls({message.data(), message.size()})
                        : result);
    });
  }

  void Deliver(Call& call, ProbeResult result) {
    const Done done = std::move(call.done);
    done(std::move(result));  // from here on `call` may be gone: the next one replaces it
    observe::MutexLock lock(mutex_);
    --in_flight_;
    finished_.NotifyAll();
  }

  const config::Address address_;
  const std::shared_ptr<const net::TlsClientContext> tls_;
  const std::string token_;
  const std::chrono::milliseconds timeout_;
  const WallClock wall_clock_;
  TlsDiagnosis& diagnosis_;
  std::atomic<bool> timed_out_{false};

  // Of the thread that starts calls. A call keeps its channel alive, and a channel must not go on a
  // thread of the library: it would wait for itself. So calls are not owned by their reactions.
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Call> call_;  // the last one, finished or not

  observe::Mutex mutex_;
  observe::Condition finished_;
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
};

Prober::Prober(const Node& node, std::chrono::milliseconds timeout, WallClock wall_clock,
               TlsDiagnosis& diagnosis)
    : impl_(std::make_unique<Impl>(node, timeout, std::move(wall_clock), diagnosis)) {}

Prober::~Prober() = default;

void Prober::CheckHealth(Done done) { impl_->CheckHealth(std::move(done)); }
void Prober::CheckToken(Done done) { impl_->CheckToken(std::move(done)); }

}  // namespace praefect::nodes
