#pragma once

// A call of Praefect's own to one node, with one request message: what a client's call asks of more
// nodes than its own, and what the control plane asks (node_calls.h).

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http2/connection.h"
#include "http2/grpc.h"
#include "proxy/upstream.h"

namespace praefect::proxy {

class SideCall final : private http2::StreamListener, private Upstream::Waiter {
 public:
  // How often it is sent in all, when the node provably never takes it.
  static constexpr int kMaxAttempts = 3;

  enum class End {
    kAnswered,   // the node ended it with a status
    kNeverSent,  // the node provably never took it
    kLost,       // it may have been applied, or may still be
  };
  struct Outcome {
    http2::StatusCode code = http2::StatusCode::kOk;
    std::string message;
    http2::HeaderList trailers;  // as the node sent them; empty when it did not answer
    End end = End::kAnswered;
    std::vector<std::string> responses{};  // serialized, in order; only while they are kept
    int attempts = 0;
  };
  // Called once; may destroy the side call.
  using Done = std::function<void(Outcome)>;
  // Of one attempt: token and time left are those of its moment.
  using MakeHeaders = std::function<http2::HeaderList()>;

  // `request`: the whole message with its prefix; may be empty. Answers are kept up to so many
  // bytes, beyond which the call is given up with RESOURCE_EXHAUSTED; 0: none are kept, and any
  // number may come. `gate` and `written` belong to a call that may change a replica, of that node;
  // it outlives the side call.
  SideCall(std::shared_ptr<Upstream> upstream, MakeHeaders make_headers, http2::Slice request,
           Done done, size_t max_response_bytes = 0,
           std::shared_ptr<const http2::SendGate> gate = nullptr,
           const nodes::Node* written = nullptr);
  ~SideCall();  // cancels
  SideCall(const SideCall&) = delete;
  SideCall& operator=(const SideCall&) = delete;

  void Start();

 private:
  void OnConnected(http2::Connection& connection) override;
  void OnConnectFailed(const absl::Status& status) override;
  void OnHeaders(http2::HeaderList headers, bool end) override;
  void OnData(http2::Slice data) override;
  void OnEnd(http2::HeaderList trailers) override;
  void OnDrained(size_t) override {}
  void OnClosed(const http2::StreamClosure& closure) override;
  void Finish(Outcome outcome);
  void GiveUp(http2::StatusCode code, std::string message);
  bool TakeResponses(std::vector<std::string>& responses) const;

  const std::shared_ptr<Upstream> upstream_;
  const MakeHeaders make_headers_;
  http2::Slice request_;
  Done done_;
  const size_t max_response_bytes_;
  const std::shared_ptr<const http2::SendGate> gate_;
  const nodes::Node* const written_;
  std::string received_;  // messages with their prefixes
  int attempts_ = 0;
  http2::Stream* stream_ = nullptr;
};

}  // namespace praefect::proxy
