#include "relay/client.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "relay/failure.h"

namespace praefect::bench {
namespace {

constexpr uint64_t kCallsOfOneWebRequest = 10;  // they share a correlation id
constexpr uint64_t kAnyNumber = ~uint64_t{0};

uint64_t ExpectedMessages(const Call& call, uint64_t download_bytes) {
  switch (call.method->shape) {
    case Shape::kUnary:
    case Shape::kUpload:
      return 1;
    case Shape::kDownload:
      return download_bytes / kTransferBytes;
    case Shape::kPingPong:
      return kAnyNumber;
  }
  return 0;
}

}  // namespace

void CallObserver::OnFailed(Call& call, const std::string& why) {
  Fail(fmt::format("{}: {}", call.method == nullptr ? "a connection" : call.method->path, why));
}

Client::Client(Poller& poller, int fd, const Target& target, const EndpointOptions& options,
               CallObserver& observer)
    : Endpoint(poller, fd, target.tls, Side::kClient, options),
      target_(target),
      observer_(observer) {
  for (size_t i = 0; i < kRepositories; ++i) requests_.push_back(Request(target.storage, i));
}

void Client::Start(Call& call, const Method& method, uint64_t download_bytes) {
  if (started_++ % kCallsOfOneWebRequest == 0) RefreshFields();
  call.client = this;
  call.method = &method;
  call.in = Incoming();
  call.out = Outgoing();
  call.good_trailers = 0;
  call.status.clear();
  call.text.clear();
  call.open = true;
  const bool transfer = method.shape == Shape::kDownload;
  call.in.Expect(transfer ? TransferMessage() : SmallMessage());
  if (transfer && download_bytes != download_bytes_) {
    download_request_ = Request(target_.storage, 0, download_bytes);
    download_bytes_ = download_bytes;
  }
  call.out.Begin(transfer ? download_request_ : requests_[started_ % kRepositories],
                 method.shape == Shape::kUpload ? TransferMessage() : SmallMessage());
  if (method.shape == Shape::kUnary || transfer) call.out.End();

  const nghttp2_nv fields[kRequestFields] = {
      Lasting(":method", "POST"),
      Lasting(":scheme", target_.tls == nullptr ? "http" : "https"),
      Lasting(":path", method.path),
      Lasting(":authority", "localhost"),
      Lasting("content-type", "application/grpc"),
      Lasting("user-agent", "grpc-ruby/1.75.0 grpc-c/50.0.0 (linux; chttp2)"),
      Lasting("te", "trailers"),
      Lasting("grpc-timeout", method.shape == Shape::kUnary ? "10S" : "6H"),
      Passing("authorization", authorization_),
      Lasting("client_name", "gitlab-web"),
      Lasting("call_site", "repository"),
      Lasting("username", "somebody"),
      Passing("x-gitlab-correlation-id", correlation_id_)};
  Open(call, fields, std::size(fields));
}

// As GitLab does: a token of the present second, and the same correlation id for what one web
// request asks for.
void Client::RefreshFields() {
  const int64_t now = time(nullptr);
  if (now != authorized_at_) authorization_ = MakeAuthorization(target_.secret, now);
  authorized_at_ = now;
  correlation_id_ = fmt::format("01{:024X}", started_ * 0x9E3779B97F4A7C15);
}

void Client::OnHeader(EndpointStream& stream, std::string_view name, std::string_view value) {
  auto& call = static_cast<Call&>(stream);
  if (name == ":status") {
    if (value != "200") call.text = fmt::format("HTTP status {} ", value);
    return;
  }
  const auto known = std::find_if(kTrailers.begin(), kTrailers.end(),
                                  [&](const auto& trailer) { return trailer.first == name; });
  if (known == kTrailers.end()) return;
  if (known->second == value) {
    call.good_trailers++;
  } else if (name == "grpc-status") {
    call.status = value;
  } else {
    call.text += value;
  }
}

void Client::OnData(EndpointStream& stream, const uint8_t* data, size_t size) {
  auto& call = static_cast<Call&>(stream);
  if (!call.in.Take(data, size)) return observer_.OnFailed(call, "wrong bytes were received");
  observer_.OnMessages(call, size);
}

void Client::OnClosed(EndpointStream& stream, uint32_t error_code) {
  auto& call = static_cast<Call&>(stream);
  call.open = false;
  const uint64_t expected = ExpectedMessages(call, download_bytes_);
  if (error_code != NGHTTP2_NO_ERROR) {
    observer_.OnFailed(call, fmt::format("reset with error code {}", error_code));
  } else if (!call.status.empty() || !call.text.empty()) {
    observer_.OnFailed(call, fmt::format("status {}: {}", call.status, call.text));
  } else if (call.good_trailers != kTrailers.size()) {
    observer_.OnFailed(call, fmt::format("{} of its trailers came", call.good_trailers));
  } else if (!call.in.between_messages() ||
             (expected != kAnyNumber && call.in.messages() != expected)) {
    observer_.OnFailed(call, fmt::format("{} bytes came", call.in.bytes()));
  } else {
    observer_.OnFinished(call);
  }
}

void Client::OnBroken() {
  Call none;
  observer_.OnFailed(none, broken_because());
}

}  // namespace praefect::bench
