#pragma once

// The answer of a unary call that comes later, from whatever thread: when a database or nodes have
// answered. The first answer counts; a client that leaves ends the call, and what comes then is
// dropped.

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "observe/mutex.h"

namespace praefect::service {

template <typename Response>
class LateAnswer {
 public:
  // `response` is the library's, and there until the call has ended.
  explicit LateAnswer(Response* response) : shared_(std::make_shared<Shared>()) {
    observe::MutexLock lock(shared_->mutex);
    shared_->response = response;
    shared_->reactor = new Reactor(shared_);  // deletes itself
  }

  // To be returned to the library, once, before anything else may answer. Null only if the call has
  // ended already.
  grpc::ServerUnaryReactor* reactor() const {
    observe::MutexLock lock(shared_->mutex);
    return shared_->reactor;
  }

  void Give(Response answer) const { shared_->End(grpc::Status::OK, &answer); }
  void Refuse(grpc::Status status) const { shared_->End(std::move(status), nullptr); }

 private:
  struct Shared;

  class Reactor final : public grpc::ServerUnaryReactor {
   public:
    explicit Reactor(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
    void OnCancel() override { shared_->End(grpc::Status::CANCELLED, nullptr); }
    void OnDone() override { delete this; }

   private:
    const std::shared_ptr<Shared> shared_;
  };

  struct Shared {
    // Under the lock up to the library's own, which runs no reaction on a thread that finishes.
    void End(grpc::Status status, Response* answer) {
      observe::MutexLock lock(mutex);
      if (reactor == nullptr) return;
      if (answer != nullptr) response->Swap(answer);
      std::exchange(reactor, nullptr)->Finish(std::move(status));
    }

    observe::Mutex mutex;
    Reactor* reactor ABSL_GUARDED_BY(mutex) = nullptr;  // until it is finished
    Response* response ABSL_GUARDED_BY(mutex) = nullptr;
  };

  std::shared_ptr<Shared> shared_;
};

}  // namespace praefect::service
