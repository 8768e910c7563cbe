// The end of a call: the one status that its client is told, and what is reported of it.

#include "proxy/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/access_log.h"
#include "proxy/worker.h"

namespace praefect::proxy {

using http2::HeaderList;
using http2::StatusCode;
using std::chrono::steady_clock;

namespace {

// Bytes of a status message of our own. Escaped they take three times as many at most; an answer
// that is longer than a client takes would be none.
constexpr size_t kMaxMessage = 2'000;

StatusCode ToStatusCode(absl::StatusCode code) { return static_cast<StatusCode>(code); }

}  // namespace

void Call::FinishFromNode(HeaderList trailers, bool trailers_only) {
  node_done_ = true;
  node_finished_ = steady_clock::now();
  if (!side_call_failed_) NoteNodeStatus(trailers);
  end_ = std::move(trailers);
  end_is_trailers_only_ = trailers_only;
  // A node that is done before its client tells the rest that it does not want it.
  if (!client_ended_ && node_ != nullptr) std::exchange(node_, nullptr)->Reset(http2::kNoError);
  if (side_calls_open_ == 0) ForwardEnd();
}

void Call::NoteNodeStatus(const HeaderList& trailers) {
  auto code = http2::ParseStatus(trailers.Get("grpc-status"));
  code_ = code.value_or(StatusCode::kUnknown);
  if (code_ == StatusCode::kOk) return;
  error_ = http2::PercentDecode(trailers.Get("grpc-message"));
  if (code_ == StatusCode::kUnavailable || code_ == StatusCode::kInternal) NoteNodeFailed();
  bool refused_token =
      route_.node != nullptr &&
      ((code_ == StatusCode::kPermissionDenied && error_.substr(0, 17) == "permission denied") ||
       (code_ == StatusCode::kUnauthenticated && error_ == "authentication required"));
  if (!refused_token) return;
  refusal_.reason = "node_token_refused";
  refusal_.hint = fmt::format(
      "{} refused Praefect's token: compare virtual_storage.node.token "
      "with auth.token of that Gitaly, and the two hosts' clocks",
      NodeName(route_.node));
  route_.node->traffic->token_refused++;
}

// For the judgement whether the node fails too many calls (nodes::ErrorTracker).
void Call::NoteNodeFailed() {
  if (route_.node == nullptr || method_ == nullptr) return;
  nodes::Traffic& traffic = *route_.node->traffic;
  if (method_->operation == gitaly::Operation::kAccessor) traffic.failed_reads++;
  if (method_->operation == gitaly::Operation::kMutator) traffic.failed_writes++;
}

void Call::ForwardEnd() {
  if (AwaitsSettlement() || AwaitsPoolName()) return;
  bool replaced = code_ != StatusCode::kOk && http2::ParseStatus(end_.Get("grpc-status")) != code_;
  if (replaced || end_.empty()) {  // a side call's error, or a node that ended without a status
    std::string message =
        error_.empty() ? NodeName(route_.node) + " ended without a status" : error_;
    return Answer(code_, std::move(message));
  }
  answered_ = true;
  deadline_.Stop();
  if (end_is_trailers_only_ && !answer_started_) {
    client_->SendHeaders(std::move(end_), true);
  } else {
    client_->SendTrailers(std::move(end_));
  }
}

void Call::AnswerMessage(std::string_view message) {
  collecting_.reset();
  pending_.Clear();
  SendOkHeaders();
  client_->SendData(MakeMessage(worker_.buffers().control, message));
  SendOk();
}

void Call::SendOkHeaders() {
  answer_started_ = true;
  HeaderList headers;
  headers.AddNamed(":status", "200");
  headers.AddView("content-type", "application/grpc");
  client_->SendHeaders(std::move(headers), false);
}

void Call::SendOk() {
  answered_ = true;
  deadline_.Stop();
  code_ = StatusCode::kOk;
  HeaderList trailers;
  trailers.AddNamed("grpc-status", "0");
  client_->SendTrailers(std::move(trailers));
}

void Call::Refuse(routing::Refusal refusal) {
  StatusCode code = ToStatusCode(refusal.code);
  std::string message = std::exchange(refusal.message, {});
  refusal_ = std::move(refusal);
  Answer(code, std::move(message));
}

void Call::RefuseHttp(std::string_view http_status, StatusCode code, std::string message,
                      std::string_view reason) {
  refusal_.reason = reason;
  Answer(code, std::move(message), http_status);
}

void Call::Answer(StatusCode code, std::string message, std::string_view http_status) {
  answered_ = true;
  deadline_.Stop();
  collecting_.reset();
  pending_.Clear();
  DropNode(http2::kCancel);
  code_ = code;
  error_ = std::move(message);
  if (error_.size() > kMaxMessage) {
    worker_.shared().metrics.HitLimit("status_message");
    error_.resize(kMaxMessage);
  }

  HeaderList headers;
  if (!answer_started_) {
    headers.AddNamed(":status", http_status);
    headers.AddView("content-type", "application/grpc");
    if (refusal_.reason == "first_message_encoding") {
      headers.AddView("grpc-accept-encoding", "identity,gzip");
    }
  }
  headers.AddNamed("grpc-status", std::to_string(static_cast<int>(code)));
  headers.AddNamed("grpc-message", http2::PercentEncode(error_));
  if (answer_started_) {
    client_->SendTrailers(std::move(headers));
  } else {
    client_->SendHeaders(std::move(headers), true);
  }
}

// Operators search for how this message begins (the documentation names it).
void Call::Unreachable(const nodes::Node* node, std::string_view cause) {
  NoteNodeFailed();
  Refuse({absl::StatusCode::kUnavailable,
          fmt::format(
              "all SubCons are in TransientFailure, latest connection error: cannot reach {}: {}",
              NodeName(node), cause),
          "node_unreachable",
          "is Gitaly running there? compare virtual_storage.node.address with its listen_addr"});
}

void Call::DeadlineExceeded() {
  if (answered_) return;
  client_->DropUnsent();  // a client that is told "too late" does not wait for the rest
  LeaveWrite();
  refusal_.reason = "deadline";
  Answer(StatusCode::kDeadlineExceeded, "context deadline exceeded");
}

void Call::Look(SteadyTime now) {
  const bool moved = std::exchange(released_at_look_, released_) != released_;
  if (!moved && !stalled_ && held_ >= std::min(window_, Upstream::kStreamWindow) / 2) {
    stalled_ = true;
    worker_.shared().metrics.HitLimit("stream_buffers");
  }
  const auto most = worker_.config().limits.first_message_timeout;
  // The health service, which answers everybody, takes one message and the end of the request.
  const bool waits = collecting_ != nullptr || (local_ && !admitted_ && !client_ended_);
  if (answered_ || !waits || most.count() == 0 || now - start_ < most) return;
  worker_.shared().metrics.HitLimit("first_message_time");
  Refuse({absl::StatusCode::kDeadlineExceeded,
          fmt::format("the first message was not there after first_message_timeout ({} ms)",
                      most.count()),
          "first_message_timeout", "limits.first_message_timeout"});
}

// The status takes the place of what the client has not been sent: it may never read that.
void Call::EndForStop() {
  if (answered_) return;
  worker_.shared().metrics.ended_at_stop.Increment();
  client_->DropUnsent();
  refusal_.reason = "stopping";
  Answer(StatusCode::kUnavailable, "Praefect is shutting down and waits for this call no longer");
}

void Call::Report() {
  auto total = steady_clock::now() - start_;
  Count(total);
  AccessRecord record;
  record.path = headers_.path;
  record.method = method_;
  record.unary = local_;
  record.request = &request_;
  record.peer = account_.peer;
  record.correlation_id = correlation_id_;
  record.virtual_storage = virtual_storage_;
  record.relative_path = relative_path_;
  record.code = code_;
  record.error = error_;
  record.refusal = refusal_.reason;
  record.hint = refusal_.hint;
  record.authenticated = authenticated_;
  record.start = wall_start_;
  record.total = total;
  if (node_opened_ != SteadyTime()) {
    if (route_.node != nullptr) record.storage = route_.node->storage;
    auto finished = node_finished_ == SteadyTime() ? steady_clock::now() : node_finished_;
    record.in_gitaly = finished - node_opened_;
  }
  if (timeout_.has_value()) record.deadline = *timeout_;
  record.request_bytes = request_bytes_;
  record.response_bytes = response_bytes_;
  record.attempts = attempts_;
  record.repository_id = repository_id_;
  record.intent = intent_;
  record.stale_route = stale_route_;
  record.settling = settle_time_;
  WriteAccessLine(worker_.shared().logger, record);
}

void Call::Count(std::chrono::nanoseconds total) {
  CounterCache& counters = worker_.counters();
  counters.Handled(*counters_, code_).Increment();
  counters_->messages_received->Increment(static_cast<double>(request_messages_.messages()));
  counters_->messages_sent->Increment(static_cast<double>(response_messages_.messages()));
  if (counters_->handling != nullptr) {
    counters_->handling->Observe(std::chrono::duration<double>(total).count());
  }
  if (!refusal_.reason.empty()) counters.Refusal(refusal_.reason).Increment();
  ClientRequest request{
      .has_deadline = timeout_.has_value(), .authenticated = authenticated_, .code = code_};
  if (admitted_) {
    request.client_name = headers_.client_name;
    request.call_site = headers_.call_site;
    request.deadline_type = headers_.deadline_type;
  }
  counters.OfClient(*counters_, request).Increment();
}

}  // namespace praefect::proxy
