#include "proxy/side_call.h"

#include <fmt/format.h>

#include <utility>

namespace praefect::proxy {

using http2::StatusCode;

SideCall::SideCall(std::shared_ptr<Upstream> upstream, MakeHeaders make_headers,
                   http2::Slice request, Done done)
    : upstream_(std::move(upstream)),
      make_headers_(std::move(make_headers)),
      request_(std::move(request)),
      done_(std::move(done)) {}

SideCall::~SideCall() {
  upstream_->Forget(*this);
  if (stream_ != nullptr) stream_->Reset(http2::kCancel);
}

void SideCall::Start() {
  attempts_++;
  upstream_->Acquire(*this);
}

void SideCall::OnConnected(http2::Connection& connection) {
  bool empty = request_.size() == 0;
  stream_ = connection.Open(make_headers_(), empty, *this);
  if (stream_ == nullptr) {  // out of stream ids: the next attempt finds another connection
    if (attempts_ < kMaxAttempts) return Start();
    return Finish({StatusCode::kUnavailable, "the connection takes no more streams", {}});
  }
  if (empty) return;
  stream_->SendData(request_);
  stream_->SendEnd();
}

void SideCall::OnConnectFailed(const absl::Status& status) {
  Finish({StatusCode::kUnavailable, std::string(status.message()), {}});
}

void SideCall::OnHeaders(http2::HeaderList headers, bool end) {
  if (end) OnEnd(std::move(headers));
}

void SideCall::OnData(http2::Slice data) { stream_->Credit(data.size()); }

void SideCall::OnEnd(http2::HeaderList trailers) {
  auto code = http2::ParseStatus(trailers.Get("grpc-status")).value_or(StatusCode::kUnknown);
  std::string message = http2::PercentDecode(trailers.Get("grpc-message"));
  Finish({code, std::move(message), std::move(trailers)});
}

void SideCall::OnClosed(const http2::StreamClosure& closure) {
  stream_ = nullptr;
  if (closure.never_taken && attempts_ < kMaxAttempts) return Start();
  if (closure.connection_lost) return Finish({StatusCode::kUnavailable, closure.cause, {}});
  Finish({http2::StatusFromHttp2Error(closure.error_code),
          fmt::format("reset with {}", http2::Http2ErrorName(closure.error_code)),
          {}});
}

void SideCall::Finish(Outcome outcome) {
  outcome.attempts = attempts_;
  if (auto done = std::exchange(done_, nullptr)) done(std::move(outcome));
}

}  // namespace praefect::proxy
