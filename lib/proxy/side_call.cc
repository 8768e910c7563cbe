#include "proxy/side_call.h"

#include <fmt/format.h>

#include <utility>

namespace praefect::proxy {

using http2::StatusCode;

SideCall::SideCall(std::shared_ptr<Upstream> upstream, MakeHeaders make_headers,
                   http2::Slice request, Done done, size_t max_response_bytes,
                   std::shared_ptr<const http2::SendGate> gate, const nodes::Node* written)
    : upstream_(std::move(upstream)),
      make_headers_(std::move(make_headers)),
      request_(std::move(request)),
      done_(std::move(done)),
      max_response_bytes_(max_response_bytes),
      gate_(std::move(gate)),
      written_(written) {}

SideCall::~SideCall() {
  upstream_->Forget(*this);
  if (stream_ != nullptr) stream_->Reset(http2::kCancel);
}

void SideCall::Start() {
  attempts_++;
  written_ == nullptr ? upstream_->Acquire(*this) : upstream_->AcquireToWrite(*this, *written_);
}

void SideCall::OnConnected(http2::Connection& connection) {
  bool empty = request_.size() == 0;
  stream_ = connection.Open(make_headers_(), empty, *this, gate_);
  if (stream_ == nullptr) {  // out of stream ids: the next attempt finds another connection
    if (attempts_ < kMaxAttempts) return Start();
    return Finish(
        {StatusCode::kUnavailable, "the connection takes no more streams", {}, End::kNeverSent});
  }
  if (empty) return;
  stream_->SendData(request_);
  stream_->SendEnd();
}

void SideCall::OnConnectFailed(const absl::Status& status) {
  Finish({StatusCode::kUnavailable, std::string(status.message()), {}, End::kNeverSent});
}

void SideCall::OnHeaders(http2::HeaderList headers, bool end) {
  const std::string_view http_status = headers.Get(":status");
  if (http_status != "200") {
    return GiveUp(http2::StatusFromHttp(http_status),
                  fmt::format("answered with HTTP status {} instead of gRPC", http_status));
  }
  if (end) OnEnd(std::move(headers));
}

void SideCall::OnData(http2::Slice data) {
  stream_->Credit(data.size());
  if (max_response_bytes_ == 0) return;
  if (received_.size() + data.size() > max_response_bytes_) {
    return GiveUp(StatusCode::kResourceExhausted,
                  fmt::format("answered with more than {} bytes", max_response_bytes_));
  }
  received_.append(reinterpret_cast<const char*>(data.data()), data.size());
}

void SideCall::OnEnd(http2::HeaderList trailers) {
  auto code = http2::ParseStatus(trailers.Get("grpc-status")).value_or(StatusCode::kUnknown);
  std::string message = http2::PercentDecode(trailers.Get("grpc-message"));
  Outcome outcome{code, std::move(message), std::move(trailers)};
  if (!TakeResponses(outcome.responses)) {
    outcome.code = StatusCode::kInternal;
    outcome.message =
        "answered with a message that is cut short, or compressed without being asked";
  }
  Finish(std::move(outcome));
}

void SideCall::OnClosed(const http2::StreamClosure& closure) {
  stream_ = nullptr;
  if (closure.never_taken && attempts_ < kMaxAttempts) return Start();
  const End end = closure.never_taken ? End::kNeverSent : End::kLost;
  if (closure.connection_lost) return Finish({StatusCode::kUnavailable, closure.cause, {}, end});
  Finish({http2::StatusFromHttp2Error(closure.error_code),
          fmt::format("reset with {}", http2::Http2ErrorName(closure.error_code)),
          {},
          end});
}

// What the node sends is of no use; it may go on with the call all the same.
void SideCall::GiveUp(StatusCode code, std::string message) {
  std::exchange(stream_, nullptr)->Reset(http2::kCancel);
  Finish({code, std::move(message), {}, End::kLost});
}

bool SideCall::TakeResponses(std::vector<std::string>& responses) const {
  std::string_view rest = received_;
  while (!rest.empty()) {
    if (rest.size() < http2::kMessagePrefix) return false;
    const auto prefix = http2::ReadPrefix(reinterpret_cast<const uint8_t*>(rest.data()));
    rest.remove_prefix(http2::kMessagePrefix);
    if (prefix.flag != 0 || prefix.length > rest.size()) return false;
    responses.emplace_back(rest.substr(0, prefix.length));
    rest.remove_prefix(prefix.length);
  }
  return true;
}

void SideCall::Finish(Outcome outcome) {
  outcome.attempts = attempts_;
  if (auto done = std::exchange(done_, nullptr)) done(std::move(outcome));
}

}  // namespace praefect::proxy
