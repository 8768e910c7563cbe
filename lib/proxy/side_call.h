#pragma once

// A unary call to one more node, with the same request as a client's call; only its status counts.

#include <functional>
#include <memory>
#include <string>

#include "http2/connection.h"
#include "http2/grpc.h"
#include "proxy/upstream.h"

namespace praefect::proxy {

class SideCall final : private http2::StreamListener, private Upstream::Waiter {
 public:
  // How often it is sent in all, when the node provably never takes it.
  static constexpr int kMaxAttempts = 3;

  struct Outcome {
    http2::StatusCode code = http2::StatusCode::kOk;
    std::string message;
    http2::HeaderList trailers;  // as the node sent them; empty when it did not answer
    int attempts = 0;
  };
  // Called once; may destroy the side call.
  using Done = std::function<void(Outcome)>;
  // Of one attempt: token and time left are those of its moment.
  using MakeHeaders = std::function<http2::HeaderList()>;

  // `request`: the whole message with its prefix; may be empty.
  SideCall(std::shared_ptr<Upstream> upstream, MakeHeaders make_headers, http2::Slice request,
           Done done);
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

  const std::shared_ptr<Upstream> upstream_;
  const MakeHeaders make_headers_;
  http2::Slice request_;
  Done done_;
  int attempts_ = 0;
  http2::Stream* stream_ = nullptr;
};

}  // namespace praefect::proxy
