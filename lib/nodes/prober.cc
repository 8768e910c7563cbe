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
    if (call_ != nullptr) call_->context.TryCancel();
    observe::MutexLock lock(mutex_);
    while (in_flight_ > 0) finished_.Wait(lock);
  }

  void Start(Done done) {
    call_ = std::make_unique<Call>();
    call_->done = std::move(done);
    call_->context.set_deadline(std::chrono::system_clock::now() + timeout_);
    Authorize(call_->context, token_, wall_clock_());
    {
      observe::MutexLock lock(mutex_);
      ++in_flight_;
    }
    Stub().async()->Check(
        &call_->context, &call_->request, &call_->response,
        [this, call = call_.get()](const grpc::Status& status) { Finish(*call, status); });
  }

 private:
  struct Call {
    grpc::ClientContext context;
    HealthCheckRequest request;
    HealthCheckResponse response;
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
    Done done;
  };

  // A connection on which an answer stayed out may be dead without either side having been told:
  // the next probe gets a new one.
  HealthService::Stub& Stub() {
    if (stub_ == nullptr || timed_out_.exchange(false)) {
      stub_ = HealthService::NewStub(MakeChannel(address_));
    }
    return *stub_;
  }

  void Finish(Call& call, const grpc::Status& status) {
    ProbeResult result = status.ok()
                             ? JudgeServing(call.response.status() == HealthCheckResponse::SERVING)
                             : JudgeFailure(status.error_code(), status.error_message(), timeout_);
    result.latency = std::chrono::steady_clock::now() - call.started;
    timed_out_ = result.cause == ProbeResult::Cause::kTimeout;
    const Done done = std::move(call.done);
    done(std::move(result));  // from here on `call` may be gone: the next probe replaces it
    observe::MutexLock lock(mutex_);
    --in_flight_;
    finished_.NotifyAll();
  }

  const config::Address address_;
  const std::string token_;
  const std::chrono::milliseconds timeout_;
  const WallClock wall_clock_;
  std::atomic<bool> timed_out_{false};

  // Of the thread that starts probes. A call keeps its channel alive, and a channel must not go on
  // a thread of the library: it would wait for itself. So calls are not owned by their reactions.
  std::unique_ptr<HealthService::Stub> stub_;
  std::unique_ptr<Call> call_;  // the last one, finished or not

  observe::Mutex mutex_;
  observe::Condition finished_;
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
};

Prober::Prober(const Node& node, std::chrono::milliseconds timeout, WallClock wall_clock)
    : impl_(std::make_unique<Impl>(node, timeout, std::move(wall_clock))) {}

Prober::~Prober() = default;

void Prober::Start(Done done) { impl_->Start(std::move(done)); }

}  // namespace praefect::nodes
