// The beginning of a call: headers, first message, route. The relay is in call_relay.cc, the end in
// call_end.cc.

#include "proxy/call.h"

#include <absl/strings/str_cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "gitaly/target.h"
#include "proxy/worker.h"

namespace praefect::proxy {

using http2::HeaderList;
using http2::StatusCode;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

namespace {

constexpr std::string_view kHealthPrefix = "/grpc.health.v1.Health/";
constexpr std::string_view kHealthWatch = "/grpc.health.v1.Health/Watch";

int64_t UnixSeconds(system_clock::time_point time) { return system_clock::to_time_t(time); }

size_t HeaderBytes(const HeaderList& headers) {
  constexpr size_t kPerField = 32;
  size_t bytes = 0;
  for (const auto& field : headers.fields()) {
    bytes += field.name.size() + field.value.size() + kPerField;
  }
  return bytes;
}

}  // namespace

void Call::Begin(Worker& worker, ClientAccount& account, http2::Stream& stream, HeaderList headers,
                 bool end, bool headers_too_large) {
  auto* call = new Call(worker, account, stream, std::move(headers));  // deleted by ClientClosed
  stream.SetListener(call->client_side_);
  call->Start(end, headers_too_large);
}

Call::Call(Worker& worker, ClientAccount& account, http2::Stream& stream, HeaderList headers)
    : CallList::Member(worker.calls()),
      worker_(worker),
      account_(account),
      window_(worker.config().limits.max_buffered_bytes_per_stream),
      request_(std::move(headers)),
      header_bytes_(HeaderBytes(request_)),
      headers_(ReadRequestHeaders(request_)),
      start_(steady_clock::now()),
      wall_start_(system_clock::now()),
      client_(&stream),
      deadline_(worker.loop(), [this] { DeadlineExceeded(); }) {
  worker_.shared().metrics.open_calls.Increment();
  worker_.shared().memory.bytes.fetch_add(static_cast<int64_t>(header_bytes_),
                                          std::memory_order_relaxed);
  account_.open_calls++;
  CountHeld(header_bytes_);
}

Call::~Call() {
  account_.buffered_bytes -= held_;
  if (--account_.open_calls == 0) account_.idle_since_ms = worker_.loop().now_ms();
  const Shared& shared = worker_.shared();
  shared.memory.bytes.fetch_sub(static_cast<int64_t>(header_bytes_), std::memory_order_relaxed);
  shared.metrics.open_calls.Decrement();
  if (watches_) shared.health_watches.fetch_sub(1);
  if (enlarged_) shared.enlarged_windows.fetch_sub(window_);
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

  if (worker_.ending_calls()) return EndForStop();
  if (!AcceptHeaders(headers_too_large) || !Authenticate() || !FindMethod()) return;
  if (timeout_.has_value()) deadline_.Start(timeout_->count());
  if (local_) {
    if (headers_.path == kHealthWatch && !CountWatch()) return;
    upstream_ = worker_.local_upstream();
    return SendToNode();
  }
  collecting_ = std::make_unique<FirstMessage>(worker_.config().limits.max_first_message_bytes,
                                               worker_.shared().memory);
  if (end) ClientEnd();
}

bool Call::AcceptHeaders(bool headers_too_large) {
  if (!IsGrpcContentType(headers_.content_type)) {
    RefuseHttp("415", StatusCode::kInvalidArgument,
               fmt::format("invalid gRPC request content-type \"{}\"", headers_.content_type),
               "content_type");
    return false;
  }
  if (headers_.method != "POST") {
    RefuseHttp("405", StatusCode::kInternal, "a gRPC request has the method POST", "http_method");
    return false;
  }
  const config::Limits& limits = worker_.config().limits;
  if (headers_too_large) {
    worker_.shared().metrics.HitLimit("headers");
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

// The key of the limit that is exceeded by more than the part `margin` of it; empty: none is.
std::string_view Call::FullBuffers(Worker& worker, const ClientAccount& account, double margin) {
  const config::Limits& limits = worker.config().limits;
  auto exceeds = [margin](int64_t bytes, uint64_t limit) {
    return static_cast<double>(bytes) > static_cast<double>(limit) * (1 + margin);
  };
  const int64_t all = worker.shared().memory.bytes.load(std::memory_order_relaxed);
  if (exceeds(all, limits.max_buffered_bytes)) return "limits.max_buffered_bytes";
  if (exceeds(account.buffered_bytes, limits.max_buffered_bytes_per_connection)) {
    return "limits.max_buffered_bytes_per_connection";
  }
  return "";
}

bool Call::RefuseIfFull() {
  const std::string_view full = FullBuffers(worker_, account_, 0);
  if (!full.empty()) RefuseFull(full);
  return !full.empty();
}

void Call::RefuseFull(std::string_view full) {
  const bool all = full == "limits.max_buffered_bytes";
  worker_.shared().metrics.HitLimit(all ? "buffers" : "connection_buffers");
  Refuse({absl::StatusCode::kResourceExhausted,
          all ? "Praefect's buffers are full, try again"
              : "the buffers for this connection are full, try again",
          all ? "buffers_full" : "connection_buffers_full", std::string(full)});
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
  if (verdict.forgot_valid) metrics.HitLimit("tokens");
  admitted_ = verdict.allowed;
  if (!admitted_) Refuse(std::move(verdict.refusal));
  return admitted_;
}

bool Call::CountWatch() {
  const Shared& shared = worker_.shared();
  const uint32_t most = worker_.config().limits.max_health_watches;
  watches_ = shared.health_watches.fetch_add(1) < most;
  if (watches_) return true;
  shared.health_watches.fetch_sub(1);
  shared.metrics.HitLimit("health_watches");
  Refuse({absl::StatusCode::kResourceExhausted,
          "too many clients watch Praefect's health, call Check instead", "health_watches",
          "limits.max_health_watches"});
  return false;
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
  if (!opened.ok) {
    const bool too_long = opened.refusal.reason == "first_message_too_long";
    if (too_long) worker_.shared().metrics.HitLimit("first_message");
    return Refuse(std::move(opened.refusal));
  }
  // A few bytes of gzip may be megabytes of work.
  constexpr size_t kInflatedPerRequest = 64 << 10;
  if (opened.message.size() > collecting_->size()) {
    client_->connection().Charge(opened.message.size() / kInflatedPerRequest);
  }
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
  if (routing::AsksBooks(*snapshot_, *method_, *target)) {
    return AskBooks(message, has_message, *target);
  }
  if (DecideNamespace(message, *target) || ListRepositories(*target)) return;
  Take(routing::Choose(*snapshot_, *method_, *target), message, has_message);
}

void Call::Take(std::variant<routing::Route, routing::Refusal> choice, std::string_view message,
                bool has_message) {
  if (auto* refusal = std::get_if<routing::Refusal>(&choice)) return Refuse(std::move(*refusal));
  if (!TakeRoute(std::get<routing::Route>(std::move(choice)), message, has_message)) return;
  for (const nodes::Node* node : route_.also) {
    http2::Slice request;
    if (has_message) {
      auto for_node = gitaly::RewriteTarget(*method_, message, {node->storage, {}, {}});
      request = MakeMessage(worker_.buffers().control, for_node.ok() ? *for_node : std::string());
    }
    side_calls_.push_back(std::make_unique<SideCall>(
        worker_.UpstreamOf(*node),
        [this, node] { return HeadersFor(*worker_.UpstreamOf(*node), node); }, std::move(request),
        [this, node](SideCall::Outcome outcome) { SideCallDone(*node, std::move(outcome)); }));
  }
  for (const nodes::Node* node : route_.skipped) LogSkipped(*node);
  Dispatch(route_);
}

// False: the message was refused.
bool Call::TakeRoute(routing::Route route, std::string_view message, bool has_message) {
  route_ = std::move(route);
  const gitaly::TargetRewrite rewrite = std::exchange(route_.rewrite, {});
  if (has_message) {
    auto rewritten = gitaly::RewriteTarget(*method_, message, rewrite);
    if (!rewritten.ok()) {
      Refuse({absl::StatusCode::kInvalidArgument, "the first message cannot be rewritten",
              "first_message_malformed", ""});
      return false;
    }
    first_ = MakeMessage(worker_.buffers().control, *rewritten);
    first_size_ = first_.size();
  }
  if (method_->operation == gitaly::Operation::kAccessor) route_.node->traffic->reads++;
  if (method_->operation == gitaly::Operation::kMaintenance) TidyOthers(message);
  return true;
}

void Call::LogSkipped(const nodes::Node& node) {
  worker_.shared().logger.Warn("a node misses this call",
                               {{"virtual_storage", node.virtual_storage},
                                {"storage", node.storage},
                                {"method", method_->path},
                                {"error", node.routable() ? node.disk.text : node.reason},
                                {"correlation_id", correlation_id_}});
}

void Call::Dispatch(const routing::Route& route) {
  collecting_.reset();
  side_calls_open_ = side_calls_.size();
  for (auto& side_call : side_calls_) side_call->Start();
  const bool streams = method_->client_streaming || method_->server_streaming;
  upstream_ = streams ? worker_.LaneOf(*route.node, &account_) : worker_.UpstreamOf(*route.node);
  SendToNode();
}

void Call::SendToNode() {
  attempts_++;
  waiting_ = true;
  Gate() == nullptr ? upstream_->Acquire(*this) : upstream_->AcquireToWrite(*this, *route_.node);
}

http2::HeaderList Call::HeadersFor(Upstream& upstream, const nodes::Node* node) const {
  const std::string_view token = node == nullptr ? std::string_view() : node->token;
  NodeHeading& heading = upstream.heading();
  return MakeNodeHeaders(request_, heading.authority(), heading.Authorization(token, time(nullptr)),
                         correlation_id_, TimeLeft());
}

void Call::OnConnected(http2::Connection& connection) {
  waiting_ = false;
  if (OpensAgain()) return;
  bool whole = client_ended_ && first_.size() == 0 && pending_.empty();
  node_opened_ = steady_clock::now();
  node_ = connection.Open(HeadersFor(*upstream_, route_.node), whole, node_side_, Gate(),
                          &client_->connection());
  if (node_ == nullptr) {  // out of stream ids: the next attempt finds another connection
    if (attempts_ < kMaxAttempts) return SendToNode();
    worker_.shared().metrics.HitLimit("attempts");
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
  if (status.code() == absl::StatusCode::kDataLoss) {
    return Refuse({absl::StatusCode::kUnavailable,
                   fmt::format("nothing is written to {}: {}", NodeName(route_.node),
                               std::string_view(cause.data(), cause.size())),
                   "disk_in_doubt", "look at what is mounted there"});
  }
  Unreachable(route_.node, {cause.data(), cause.size()});
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
