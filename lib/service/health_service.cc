#include "service/health_service.h"

#include "observe/mutex.h"

namespace praefect::service {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

HealthCheckResponse::ServingStatus StatusOf(bool serving) {
  return serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

// Sends the present state and every later one; what changes while a message is on its way is sent
// as one change. Lives until the library calls OnDone.
class WatchReactor final : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  WatchReactor(ServingState& state, const HealthCheckRequest& request) : state_(state) {
    if (!request.service().empty()) {  // nothing else is known, nor ever will be
      Show(HealthCheckResponse::SERVICE_UNKNOWN);
      return;
    }
    watch_ = state_.Watch([this](bool serving) { Show(StatusOf(serving)); });
  }

  void OnWriteDone(bool ok) override {
    observe::MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) return End();
    if (shown_ != wanted_) Write();
  }
  void OnCancel() override {
    observe::MutexLock lock(mutex_);
    End();
  }
  void OnDone() override {
    if (watch_ >= 0) state_.Unwatch(watch_);
    delete this;
  }

 private:
  void Show(HealthCheckResponse::ServingStatus status) {
    observe::MutexLock lock(mutex_);
    wanted_ = status;
    if (!writing_ && shown_ != wanted_) Write();
  }
  // The library runs no reaction on the thread that starts an operation, so the lock may be held.
  void Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ended_) return;
    writing_ = true;
    shown_ = wanted_;
    message_.set_status(shown_);
    StartWrite(&message_);
  }
  void End() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!ended_) Finish(grpc::Status::CANCELLED);
    ended_ = true;
  }

  ServingState& state_;
  int watch_ = -1;
  observe::Mutex mutex_;
  HealthCheckResponse::ServingStatus wanted_ ABSL_GUARDED_BY(mutex_) = HealthCheckResponse::UNKNOWN;
  HealthCheckResponse::ServingStatus shown_ ABSL_GUARDED_BY(mutex_) = HealthCheckResponse::UNKNOWN;
  HealthCheckResponse message_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context,
                                               const HealthCheckRequest* request,
                                               HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (request->service().empty()) {
    response->set_status(StatusOf(state_.serving()));
    reactor->Finish(grpc::Status::OK);
  } else {
    reactor->Finish({grpc::StatusCode::NOT_FOUND, "unknown service"});
  }
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(
    grpc::CallbackServerContext*, const HealthCheckRequest* request) {
  return new WatchReactor(state_, *request);
}

}  // namespace praefect::service
