#include "nodes/prober.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <string>
#include <utility>

#include "grpc/health.grpc.pb.h"
#include "nodes/channel.h"
#include "observe/mutex.h"

namespace praefect::nodes {

using HealthService = ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

class Prober::Impl {
 public:
  Impl(const Node& node, std::chrono::milliseconds timeout, WallClock wall_clock)
      : address_(node.address),
        token_(node.token),
        timeout_(timeout),
        wall_clock_(std::move(wall_clock)) {}

  ~Impl() {
    std::shared_ptr<Call> call = last_call();
    if (call != nullptr) call->context.TryCancel();
    call.reset();
    observe::MutexLock lock(mutex_);
    while (in_flight_ > 0) finished_.Wait(lock);
  }

  void Start(Done done) {
    auto call = std::make_shared<Call>();
    call->done = std::move(done);
    call->context.set_deadline(std::chrono::system_clock::now() + timeout_);
    Authorize(call->context, token_, wall_clock_());
    call->stub = Stub();
    {
      observe::MutexLock lock(mutex_);
      last_call_ = call;
      ++in_flight_;
    }
    call->stub->async()->Check(&call->context, &call->request, &call->response,
                               [this, call](const grpc::Status& status) { Finish(*call, status); });
  }

 private:
  struct Call {
    std::shared_ptr<HealthService::Stub> stub;
    grpc::ClientContext context;
    HealthCheckRequest request;
    HealthCheckResponse response;
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
    Done done;
  };

  // A connection on which an answer stayed out may be dead without either side having been told:
  // the next probe gets a new one.
  std::shared_ptr<HealthService::Stub> Stub() {
    if (stub_ == nullptr || timed_out_.exchange(false)) {
      stub_ = HealthService::NewStub(MakeChannel(address_));
    }
    return stub_;
  }

  void Finish(Call& call, const grpc::Status& status) {
    ProbeResult result = status.ok()
                             ? JudgeServing(call.response.status() == HealthCheckResponse::SERVING)
                             : JudgeFailure(status.error_code(), status.error_message(), timeout_);
    result.latency = std::chrono::steady_clock::now() - call.started;
    timed_out_ = result.cause == ProbeResult::Cause::kTimeout;
    call.done(std::move(result));
    observe::MutexLock lock(mutex_);
    --in_flight_;
    finished_.NotifyAll();
  }

  std::shared_ptr<Call> last_call() ABSL_LOCKS_EXCLUDED(mutex_) {
    observe::MutexLock lock(mutex_);
    return last_call_.lock();
  }

  const config::Address address_;
  const std::string token_;
  const std::chrono::milliseconds timeout_;
  const WallClock wall_clock_;
  std::shared_ptr<HealthService::Stub> stub_;  // of the thread that starts probes
  std::atomic<bool> timed_out_{false};

  observe::Mutex mutex_;
  observe::Condition finished_;
  std::weak_ptr<Call> last_call_ ABSL_GUARDED_BY(mutex_);
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
};

Prober::Prober(const Node& node, std::chrono::milliseconds timeout, WallClock wall_clock)
    : impl_(std::make_unique<Impl>(node, timeout, std::move(wall_clock))) {}

Prober::~Prober() = default;

void Prober::Start(Done done) { impl_->Start(std::move(done)); }

}  // namespace praefect::nodes
