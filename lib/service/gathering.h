#pragma once

// Asks several nodes the same question at once, and answers when the last of them has answered.

#include <grpcpp/client_context.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nodes/snapshot.h"

namespace praefect::service {

// No node is waited for any longer, however long the client would.
inline constexpr std::chrono::seconds kMaxWaitForNode{5};

// One node that is asked. Its snapshot is kept by the gathering's owner function.
template <typename Response>
struct Question {
  const nodes::Node* node = nullptr;
  size_t virtual_storage = 0;  // index in the snapshot
  grpc::ClientContext context;
  Response response;
  grpc::Status status;
};

// The reaction to one call of a client; deletes itself when the library is done with it.
template <typename Response>
class Gathering final : public grpc::ServerUnaryReactor {
 public:
  using Questions = std::vector<std::unique_ptr<Question<Response>>>;
  // Begins to ask; the function it is given is to be called once with the outcome.
  using Ask = std::function<void(Question<Response>&, std::function<void(grpc::Status)>)>;
  // From all outcomes to the answer of the client's call.
  using Conclude = std::function<grpc::Status(const Questions&)>;

  Gathering(Questions questions, Conclude conclude)
      : questions_(std::move(questions)),
        conclude_(std::move(conclude)),
        open_(questions_.size()) {}

  void Start(grpc::CallbackServerContext& client, const Ask& ask) {
    if (questions_.empty()) return Finish(conclude_(questions_));
    const auto deadline = std::min<std::chrono::system_clock::time_point>(
        client.deadline(), std::chrono::system_clock::now() + kMaxWaitForNode);
    // Whoever comes last concludes, and may be faster than this loop: it has a share of its own.
    ++open_;
    for (const std::unique_ptr<Question<Response>>& question : questions_) {
      question->context.set_deadline(deadline);
      ask(*question, [this, q = question.get()](grpc::Status status) {
        q->status = std::move(status);
        Settle();
      });
    }
    Settle();
  }

  void OnCancel() override {
    for (const auto& question : questions_) question->context.TryCancel();
  }
  void OnDone() override { delete this; }

 private:
  void Settle() {
    if (--open_ == 0) Finish(conclude_(questions_));
  }

  const Questions questions_;
  const Conclude conclude_;
  std::atomic<size_t> open_;
};

}  // namespace praefect::service
