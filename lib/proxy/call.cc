#include "proxy/call.h"

#include <absl/strings/str_cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "gitaly/target.h"
#include "proxy/access_log.h"
#include "proxy/worker.h"

namespace praefect::proxy {

using http2::HeaderList;
using http2::StatusCode;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

namespace {

// Bytes of a status message of our own. Escaped they take three times as many at most; an answer
// that is longer than a client takes, or than nghttp2 sends, would be none.
constexpr size_t kMaxMessage = 2'000;
constexpr std::string_view kHealthPrefix = "/grpc.health.v1.Health/";

int64_t UnixSeconds(system_clock::time_point time) { return system_clock::to_time_t(time); }

StatusCode ToStatusCode(absl::StatusCode code) { return static_cast<StatusCode>(code); }

// Allocates a block of its own for one message with its prefix.
http2::Slice MakeMessage(http2::BlockPool& pool, std::string_view message) {
  auto size = static_cast<uint32_t>(message.size() + http2::kMessagePrefix);
  http2::Block* block = pool.GetSized(size);
  http2::WritePrefix(block->data(), {0, static_cast<uint32_t>(message.size())});
  memcpy(block->data() + http2::kMessagePrefix, message.data(), message.size());
  http2::Slice slice(block, block->data(), size);
  http2::BlockPool::Release(block);
  return slice;
}

bool IsGrpc(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  if (content_type.substr(0, kType.size()) != kType) return false;
  return content_type.size() == kType.size() || content_type[kType.size()] == '+' ||
         content_type[kType.size()] == ';';
}

}  // namespace

void Call::Begin(Worker& worker, const std::string& peer, http2::Stream& stream, HeaderList headers,
                 bool end, bool headers_too_large) {
  auto* call = new Call(worker, peer, stream, std::move(headers));  // deleted by ClientClosed
  stream.SetListener(call->client_side_);
  call->Start(end, headers_too_large);
}

Call::Call(Worker& worker, const std::string& peer, http2::Stream& stream, HeaderList headers)
    : worker_(worker),
      peer_(peer),
      request_(std::move(headers)),
      headers_(ReadRequestHeaders(request_)),
      start_(steady_clock::now()),
      wall_start_(system_clock::now()),
      client_(&stream),
      deadline_(worker.loop(), [this] { DeadlineExceeded(); }) {
  worker_.shared().metrics.open_calls.Increment();
}

Call::~Call() {
  worker_.shared().metrics.open_calls.Decrement();
  worker_.shared().enlarged_windows.fetch_sub(int64_t{enlarged_} * kEnlargedWindow);
}

// ---- what the headers decide ----------------------------------------------------------------

void Call::Start(bool end, bool headers_too_large) {
  correlation_id_ = headers_.correlation_id.empty() ? worker_.NewCorrelationId()
                                                    : std::string(headers_.correlation_id);
  client_ended_ = end;
  method_ = worker_.shared().methods.Find(headers_.path);
  counters_ = method_ != nullptr ? &worker_.counters().Of(*method_) : nullptr;
  if (method_ == nullptr || method_->handled_by_praefect) {
    const auto& served = worker_.shared().local.methods;
    local_ = std::binary_search(served.begin(), served.end(), headers_.path);
  }
  if (counters_ == nullptr) {
    counters_ =
        local_ ? &worker_.counters().OfLocal(headers_.path) : &worker_.counters().OfUnknown();
  }
  counters_->started->Increment();
  if (counters_->method_type != nullptr) counters_->method_type->Increment();

  if (!AcceptHeaders(headers_too_large) || !Authenticate() || !FindMethod()) return;
  if (timeout_.has_value()) deadline_.Start(timeout_->count());
  if (local_) {
    upstream_ = &worker_.local_upstream();
    return SendToNode();
  }
  collecting_ = std::make_unique<FirstMessage>(
      worker_.shared().config.limits.max_first_message_bytes, worker_.shared().memory);
  if (end) ClientEnd();
}

bool Call::AcceptHeaders(bool headers_too_large) {
  if (!IsGrpc(headers_.content_type)) {
    RefuseHttp("415", StatusCode::kInvalidArgument,
               fmt::format("invalid gRPC request content-type \"{}\"", headers_.content_type),
               "content_type");
    return false;
  }
  if (headers_.method != "POST") {
    RefuseHttp("405", StatusCode::kInternal, "a gRPC request has the method POST", "http_method");
    return false;
  }
  const config::Limits& limits = worker_.shared().config.limits;
  if (headers_too_large) {
    Refuse({absl::StatusCode::kResourceExhausted,
            absl::StrCat("more than ", limits.max_header_fields, " header fields"), "header_fields",
            "limits.max_header_fields"});
    return false;
  }
  if (headers_.has_timeout) {
    timeout_ = http2::ParseTimeout(headers_.timeout);
    if (!timeout_.has_value()) {
      RefuseHttp("400", StatusCode::kInternal,
                 fmt::format("malformed grpc-timeout: \"{}\"", headers_.timeout), "timeout");
      return false;
    }
  }
  return !RefuseIfFull();
}

bool Call::RefuseIfFull() {
  auto buffered = worker_.shared().memory.bytes.load(std::memory_order_relaxed);
  uint64_t limit = worker_.shared().config.limits.max_buffered_bytes;
  if (buffered <= static_cast<int64_t>(limit)) return false;
  Refuse({absl::StatusCode::kResourceExhausted, "Praefect's buffers are full, try again",
          "buffers_full", "limits.max_buffered_bytes"});
  return true;
}

// Health answers anybody; everything else needs the token.
bool Call::Authenticate() {
  if (headers_.path.substr(0, kHealthPrefix.size()) == kHealthPrefix) return true;
  Authenticator& authenticator = worker_.authenticator();
  auto verdict = authenticator.Check(request_, UnixSeconds(wall_start_));
  Metrics& metrics = worker_.shared().metrics;
  worker_.counters().Authentication(authenticator.enforced(), verdict.status).Increment();
  if (!verdict.error.empty()) {
    metrics.authentication_errors.Add({{"version", "v2"}, {"error", std::string(verdict.error)}})
        .Increment();
  }
  authenticated_ = verdict.why.empty() && verdict.status != "server disabled authentication";
  if (!verdict.allowed) Refuse(std::move(verdict.refusal));
  return verdict.allowed;
}

bool Call::FindMethod() {
  if (local_) return true;
  if (method_ == nullptr) {
    Refuse({absl::StatusCode::kUnimplemented, fmt::format("unknown method {}", headers_.path),
            "unknown_method", ""});
    return false;
  }
  if (method_->handled_by_praefect || !method_->not_served.empty()) {
    std::string why = method_->not_served.empty() ? "" : ": " + method_->not_served;
    Refuse({absl::StatusCode::kUnimplemented,
            absl::StrCat(method_->path, " is not served by Praefect", why), "not_served", ""});
    return false;
  }
  return true;
}

// ---- the first message and the route --------------------------------------------------------

void Call::FirstMessageComplete() {
  FirstMessage::Result opened = collecting_->Open(headers_.encoding);
  if (!opened.ok) return Refuse(std::move(opened.refusal));
  RouteBy(opened.message, true);
}

void Call::RouteBy(std::string_view message, bool has_message) {
  auto target = gitaly::FindTarget(*method_, message);
  if (!target.ok()) {
    return Refuse({absl::StatusCode::kInvalidArgument,
                   std::string(target.status().message().data(), target.status().message().size()),
                   "first_message_malformed", ""});
  }
  const auto& repository = target->target;
  virtual_storage_ = repository.present ? repository.storage_name : target->storage_name;
  relative_path_ = repository.relative_path;

  snapshot_ = worker_.snapshot();
  auto choice = routing::Choose(*snapshot_, *method_, *target);
  if (auto* refusal = std::get_if<routing::Refusal>(&choice)) return Refuse(std::move(*refusal));
  route_ = std::get<routing::Route>(std::move(choice));

  if (has_message) {
    auto rewritten = gitaly::RewriteTarget(*method_, message, route_.rewrite);
    if (!rewritten.ok()) {
      return Refuse({absl::StatusCode::kInvalidArgument, "the first message cannot be rewritten",
                     "first_message_malformed", ""});
    }
    first_ = MakeMessage(worker_.buffers().control, *rewritten);
    first_size_ = first_.size();
  }
  for (const nodes::Node* node : route_.also) {
    http2::Slice request;
    if (has_message) {
      auto for_node = gitaly::RewriteTarget(*method_, message, {node->storage, {}, {}});
      request = MakeMessage(worker_.buffers().control, for_node.ok() ? *for_node : std::string());
    }
    side_calls_.push_back(std::make_unique<SideCall>(
        worker_.UpstreamOf(*node),
        MakeNodeHeaders(request_, node, correlation_id_, TimeLeft(), UnixSeconds(wall_start_)),
        std::move(request),
        [this, node](SideCall::Outcome outcome) { SideCallDone(*node, std::move(outcome)); }));
  }
  for (const nodes::Node* node : route_.skipped) LogSkipped(*node);
  Dispatch(route_);
}

void Call::LogSkipped(const nodes::Node& node) {
  worker_.shared().logger.Warn("a node that is down misses this call",
                               {{"virtual_storage", node.virtual_storage},
                                {"storage", node.storage},
                                {"method", method_->path},
                                {"error", node.reason},
                                {"correlation_id", correlation_id_}});
}

void Call::Dispatch(const routing::Route& route) {
  collecting_.reset();
  side_calls_open_ = side_calls_.size();
  for (auto& side_call : side_calls_) side_call->Start();
  upstream_ = &worker_.UpstreamOf(*route.node);
  SendToNode();
}

void Call::SendToNode() {
  attempts_++;
  waiting_ = true;
  upstream_->Acquire(*this);
}

void Call::OnConnected(http2::Connection& connection) {
  waiting_ = false;
  bool whole = client_ended_ && first_.size() == 0 && pending_.empty();
  node_opened_ = steady_clock::now();
  node_ = connection.Open(MakeNodeHeaders(request_, route_.node, correlation_id_, TimeLeft(),
                                          UnixSeconds(system_clock::now())),
                          whole, node_side_);
  if (node_ == nullptr) {  // out of stream ids: the next attempt finds another connection
    if (attempts_ < kMaxAttempts) return SendToNode();
    return Unreachable(route_.node, "the connection takes no more streams");
  }
  node_drained_ = 0;
  if (whole) return;
  if (first_.size() > 0) node_->SendData(first_);
  while (!pending_.empty()) {
    http2::Slice slice = pending_.front();
    pending_.Consume(slice.size());
    node_->SendData(std::move(slice));
  }
  if (client_ended_) node_->SendEnd();
}

void Call::OnConnectFailed(const absl::Status& status) {
  waiting_ = false;
  auto cause = status.message();
  Unreachable(route_.node, {cause.data(), cause.size()});
}

// ---- the client's side ----------------------------------------------------------------------

void Call::ClientData(http2::Slice data) {
  request_bytes_ += data.size();
  if (answered_) return;
  if (collecting_ != nullptr) {
    size_t taken = collecting_->Append(data.data(), data.size());
    // What was taken is bounded by itself, so the client may go on; the rest waits for the node.
    if (taken > 0) client_->Credit(taken);
    data.RemovePrefix(taken);
    pending_.Push(std::move(data));
    if (collecting_->too_long()) {
      return Refuse({absl::StatusCode::kResourceExhausted,
                     absl::StrCat("the first message is longer than max_first_message_bytes (",
                                  worker_.shared().config.limits.max_first_message_bytes, ")"),
                     "first_message_too_long", "limits.max_first_message_bytes"});
    }
    if (collecting_->complete()) return FirstMessageComplete();
    RefuseIfFull();  // a client may begin many and end none
    return;
  }
  if (node_ == nullptr) {
    if (!node_done_) pending_.Push(std::move(data));
    return;
  }
  MaybeEnlarge(*client_, request_bytes_, node_->queued_bytes());
  node_->SendData(std::move(data));
}

void Call::ClientEnd() {
  client_ended_ = true;
  if (answered_) return;
  if (collecting_ != nullptr) {
    if (collecting_->empty()) return RouteBy({}, false);
    return Refuse({absl::StatusCode::kInternal, "the request ended inside its first message",
                   "first_message_cut_short", ""});
  }
  if (node_ != nullptr) node_->SendEnd();
}

void Call::ClientDrained(size_t bytes) {
  if (node_ != nullptr) node_->Credit(bytes);
}

void Call::ClientClosed(const http2::StreamClosure& closure) {
  client_ = nullptr;
  if (!answered_) {
    code_ = StatusCode::kCanceled;
    error_ = closure.connection_lost ? "the client's connection is gone" : "the client cancelled";
  }
  DropNode(http2::kCancel);
  Report();
  delete this;
}

// ---- the node's side ------------------------------------------------------------------------

void Call::NodeHeaders(HeaderList headers, bool end) {
  std::string_view http_status = headers.Get(":status");
  if (http_status != "200" || !IsGrpc(headers.Get("content-type"))) {
    DropNode(http2::kCancel);
    return Answer(http_status == "200" ? StatusCode::kUnknown : http2::StatusFromHttp(http_status),
                  fmt::format("{} answered with HTTP status {} instead of gRPC",
                              NodeName(route_.node), http_status));
  }
  if (end) return FinishFromNode(std::move(headers), true);
  answer_started_ = true;
  first_ = http2::Slice();
  client_->SendHeaders(std::move(headers), false);
}

void Call::NodeData(http2::Slice data) {
  response_bytes_ += data.size();
  if (answered_) return;
  MaybeEnlarge(*node_, response_bytes_, client_->queued_bytes());
  client_->SendData(std::move(data));
}

void Call::NodeEnd(HeaderList trailers) { FinishFromNode(std::move(trailers), false); }

// The first message's bytes were given back to the client when they were collected.
void Call::NodeDrained(size_t bytes) {
  uint64_t before = std::max<uint64_t>(node_drained_, first_size_);
  node_drained_ += bytes;
  if (node_drained_ > before && client_ != nullptr) client_->Credit(node_drained_ - before);
}

void Call::NodeClosed(const http2::StreamClosure& closure) {
  if (node_done_ || answered_) {
    node_ = nullptr;
    return;
  }
  if (closure.never_taken && Resend(closure)) return;
  node_ = nullptr;
  node_finished_ = steady_clock::now();
  if (closure.connection_lost) {
    return Answer(StatusCode::kUnavailable, fmt::format("{} was lost during the call: {}",
                                                        NodeName(route_.node), closure.cause));
  }
  Answer(http2::StatusFromHttp2Error(closure.error_code),
         fmt::format("{} reset the call with {}", NodeName(route_.node),
                     http2::Http2ErrorName(closure.error_code)));
}

// Only what the node provably never took is sent again, and only while all of it is still held.
bool Call::Resend(const http2::StreamClosure& closure) {
  bool held = !answer_started_ && node_drained_ <= first_size_;
  if (!held || attempts_ >= kMaxAttempts) return false;
  http2::SliceQueue unsent = node_->TakeUnsent();
  unsent.Consume(first_size_ - node_drained_);  // the first message goes out whole again
  pending_ = std::move(unsent);
  node_ = nullptr;
  worker_.shared().metrics.resent.Increment();
  SendToNode();
  return true;
}

void Call::SideCallDone(const nodes::Node& node, SideCall::Outcome outcome) {
  side_calls_open_--;
  if (outcome.code != StatusCode::kOk && error_.empty()) {
    error_ = absl::StrCat(NodeName(&node), ": ", outcome.message);
    code_ = outcome.code;
    if (node_done_) {  // the first error is the answer
      end_ = std::move(outcome.trailers);
      end_is_trailers_only_ = false;
    }
  }
  if (node_done_ && side_calls_open_ == 0 && !answered_) ForwardEnd();
}

// ---- the end --------------------------------------------------------------------------------

void Call::FinishFromNode(HeaderList trailers, bool trailers_only) {
  node_done_ = true;
  node_finished_ = steady_clock::now();
  bool side_call_failed = !error_.empty();
  if (!side_call_failed) NoteNodeStatus(trailers);
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
  worker_.shared()
      .metrics.node_token_refused
      .Add({{"virtual_storage", route_.node->virtual_storage},
            {"gitaly_storage", route_.node->storage},
            {"key", "virtual_storage.node.token"}})
      .Increment();
}

// An OK waits here for its settlement once writes have one.
void Call::ForwardEnd() {
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
  if (error_.size() > kMaxMessage) error_.resize(kMaxMessage);

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
  Refuse({absl::StatusCode::kUnavailable,
          fmt::format(
              "all SubCons are in TransientFailure, latest connection error: cannot reach {}: {}",
              NodeName(node), cause),
          "node_unreachable",
          "is Gitaly running there? compare virtual_storage.node.address with its listen_addr"});
}

void Call::DropNode(uint32_t error_code) {
  if (waiting_) upstream_->Forget(*this);
  waiting_ = false;
  if (node_ != nullptr) {
    if (node_finished_ == SteadyTime()) node_finished_ = steady_clock::now();
    std::exchange(node_, nullptr)->Reset(error_code);
  }
  side_calls_.clear();
  side_calls_open_ = 0;
}

void Call::DeadlineExceeded() {
  if (answered_) return;
  client_->DropUnsent();  // a client that is told "too late" does not wait for the rest
  refusal_.reason = "deadline";
  Answer(StatusCode::kDeadlineExceeded, "context deadline exceeded");
}

// A stream whose receiver keeps up may have more under way. What is allowed so is bounded for the
// whole process: everybody may stall at once.
void Call::MaybeEnlarge(http2::Stream& from, uint64_t received, size_t queued) {
  bool candidate = received > kEnlargedWindow / 2 && queued == 0 && enlarged_ == 0;
  if (!candidate) return;
  const Shared& shared = worker_.shared();
  int64_t bound = static_cast<int64_t>(shared.config.limits.max_buffered_bytes / 2);
  if (shared.enlarged_windows.fetch_add(kEnlargedWindow) > bound) {
    shared.enlarged_windows.fetch_sub(kEnlargedWindow);
    return;
  }
  enlarged_ = 1;
  from.GrowWindow(kEnlargedWindow);
}

void Call::Report() {
  auto total = steady_clock::now() - start_;
  counters_->handled[static_cast<size_t>(code_)]->Increment();
  if (counters_->handling != nullptr) {
    counters_->handling->Observe(std::chrono::duration<double>(total).count());
  }
  if (!refusal_.reason.empty()) {
    worker_.shared().metrics.refusals.Add({{"reason", std::string(refusal_.reason)}}).Increment();
  }
  AccessRecord record;
  record.path = headers_.path;
  record.method = method_;
  record.unary = local_;
  record.request = &request_;
  record.peer = peer_;
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
  WriteAccessLine(worker_.shared().logger, record);
}

std::optional<milliseconds> Call::TimeLeft() const {
  if (!timeout_.has_value()) return std::nullopt;
  auto used = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start_);
  return std::max(*timeout_ - used, milliseconds(0));
}

std::string Call::NodeName(const nodes::Node* node) const {
  if (node == nullptr) return "Praefect's own service";
  return fmt::format("node \"{}\" ({})", node->storage, node->address_text);
}

}  // namespace praefect::proxy
