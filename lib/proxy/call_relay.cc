// The middle of a call: what its two sides say, passed on as it comes.

#include "proxy/call.h"

#include <absl/strings/str_cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/client_session.h"
#include "proxy/worker.h"

namespace praefect::proxy {

using http2::HeaderList;
using http2::StatusCode;
using std::chrono::steady_clock;

void Call::ClientData(http2::Slice data) {
  request_bytes_ += data.size();
  request_messages_.Follow(data.data(), data.size());
  if (answered_) return;
  if (collecting_ != nullptr) {
    CountHeld(data.size());
    size_t taken = collecting_->Append(data.data(), data.size());
    first_held_ += taken;
    // What was taken is bounded by itself, so the client may go on; the rest waits for the node.
    if (taken > 0) client_->Credit(taken);
    data.RemovePrefix(taken);
    pending_.Push(std::move(data));
    if (collecting_->too_long()) {
      worker_.shared().metrics.HitLimit("first_message");
      return Refuse({absl::StatusCode::kResourceExhausted,
                     absl::StrCat("the first message is longer than max_first_message_bytes (",
                                  collecting_->max_bytes(), ")"),
                     "first_message_too_long", "limits.max_first_message_bytes"});
    }
    if (collecting_->complete()) return FirstMessageComplete();
    RefuseIfFull();  // a client may begin many and end none
    return;
  }
  const size_t queued = node_ == nullptr ? pending_.bytes() : node_->queued_bytes();
  if (EndIfOverfull(queued)) return;
  if (node_ == nullptr) {
    // A copy: small pieces would keep whole receive blocks while a connection is made.
    if (node_done_) return;
    CountHeld(data.size());
    return pending_.PushCopy(worker_.buffers().packed, data.data(), data.size());
  }
  CountHeld(data.size());
  MaybeEnlarge(*client_, request_bytes_, queued);
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
  CountReleased(bytes);
  if (node_ != nullptr) node_->Credit(bytes);
  if (booking_ != nullptr && booking_->listing.has_value()) SendListing();
}

void Call::ClientClosed(const http2::StreamClosure& closure) {
  client_ = nullptr;
  if (!answered_) {
    code_ = StatusCode::kCanceled;
    error_ = closure.connection_lost ? "the client's connection is gone" : "the client cancelled";
  }
  LeaveWrite();
  DropNode(http2::kCancel);
  Report();
  delete this;
}

// ---- the node's side ------------------------------------------------------------------------

void Call::NodeHeaders(HeaderList headers, bool end) {
  std::string_view http_status = headers.Get(":status");
  if (http_status != "200" || !IsGrpcContentType(headers.Get("content-type"))) {
    DropNode(http2::kCancel);
    return Answer(http_status == "200" ? StatusCode::kUnknown : http2::StatusFromHttp(http_status),
                  fmt::format("{} answered with HTTP status {} instead of gRPC",
                              NodeName(route_.node), http_status));
  }
  if (end) return FinishFromNode(std::move(headers), true);
  answer_started_ = true;
  first_ = http2::Slice();
  CountReleased(std::exchange(first_held_, 0));
  if (method_ != nullptr && method_->naming == gitaly::Naming::kNamesPool) {
    pool_ = std::make_unique<PoolAnswer>(headers.Get("grpc-encoding"), worker_.shared().memory);
  }
  client_->SendHeaders(std::move(headers), false);
}

void Call::NodeData(http2::Slice data) {
  response_bytes_ += data.size();
  if (answered_) return;
  response_messages_.Follow(data.data(), data.size());
  if (pool_ != nullptr) return TakePool(data);
  const size_t queued = client_->queued_bytes();
  if (EndIfOverfull(queued)) return;
  CountHeld(data.size());
  MaybeEnlarge(*node_, response_bytes_, queued);
  client_->SendData(Hold(std::move(data)));
}

void Call::NodeEnd(HeaderList trailers) { FinishFromNode(std::move(trailers), false); }

// The first message's bytes were given back to the client when they were collected.
void Call::NodeDrained(size_t bytes) {
  uint64_t before = std::max<uint64_t>(node_drained_, first_size_);
  node_drained_ += bytes;
  if (node_drained_ <= before) return;
  CountReleased(node_drained_ - before);
  if (client_ != nullptr) client_->Credit(node_drained_ - before);
}

void Call::NodeClosed(const http2::StreamClosure& closure) {
  if (node_done_ || answered_) {
    node_ = nullptr;
    return;
  }
  if (closure.never_taken && Resend(closure)) return;
  EndClosedWrite(closure, std::exchange(node_, nullptr)->connection());
  node_finished_ = steady_clock::now();
  NoteNodeFailed();
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
  if (!held) return false;
  if (attempts_ >= kMaxAttempts) {
    worker_.shared().metrics.HitLimit("attempts");
    return false;
  }
  http2::SliceQueue unsent = node_->TakeUnsent();
  unsent.Consume(first_size_ - node_drained_);  // the first message goes out whole again
  pending_ = std::move(unsent);
  node_ = nullptr;
  if (booking_ != nullptr && booking_->write != nullptr) booking_->write->NotTaken();
  worker_.shared().metrics.resent.Increment();
  SendToNode();
  return true;
}

void Call::SideCallDone(const nodes::Node& node, SideCall::Outcome outcome) {
  side_calls_open_--;
  worker_.shared().metrics.resent.Increment(outcome.attempts - 1);
  if (outcome.code == StatusCode::kUnavailable || outcome.code == StatusCode::kInternal) {
    node.traffic->failed_writes++;  // only mutators go to several nodes
  }
  bool first_error = !side_call_failed_ && !(node_done_ && code_ != StatusCode::kOk);
  if (outcome.code != StatusCode::kOk && first_error) {
    side_call_failed_ = true;
    error_ = absl::StrCat(NodeName(&node), ": ", outcome.message);
    code_ = outcome.code;
  }
  if (node_done_ && side_calls_open_ == 0 && !answered_) ForwardEnd();
}

void Call::DropNode(uint32_t error_code) {
  if (waiting_) upstream_->Forget(*this);
  waiting_ = false;
  http2::Connection* connection = node_ != nullptr ? &node_->connection() : nullptr;
  if (node_ != nullptr) {
    if (node_finished_ == SteadyTime()) node_finished_ = steady_clock::now();
    std::exchange(node_, nullptr)->Reset(error_code);
  }
  EndDroppedWrite(connection);
  side_calls_.clear();
  side_calls_open_ = 0;
}

// A stream whose receiver keeps up may have more under way. What is allowed so is bounded for the
// whole process: everybody may stall at once.
// A connection with so many calls that all could not grow has none grow.
void Call::MaybeEnlarge(http2::Stream& from, uint64_t received, size_t queued) {
  const bool to_client = &from == node_;
  const uint32_t begins = to_client ? Upstream::kStreamWindow : ClientSession::kStreamWindow;
  const bool candidate = queued == 0 && !enlarged_ && received > begins / 2 && window_ > begins;
  if (!candidate) return;
  const config::Limits& limits = worker_.config().limits;
  const uint64_t of_all_calls = uint64_t{account_.open_calls} * window_;
  if (of_all_calls > limits.max_buffered_bytes_per_connection / 2) return;
  const Shared& shared = worker_.shared();
  const auto bound = static_cast<int64_t>(limits.max_buffered_bytes / 2);
  if (shared.enlarged_windows.fetch_add(window_) > bound) {
    shared.enlarged_windows.fetch_sub(window_);
    return;
  }
  enlarged_ = true;
  from.GrowWindow(window_);
}

// ---- what is held ---------------------------------------------------------------------------

void Call::CountHeld(size_t bytes) {
  held_ += static_cast<int64_t>(bytes);
  account_.buffered_bytes += static_cast<int64_t>(bytes);
}

void Call::CountReleased(size_t bytes) {
  released_ += bytes;
  held_ -= static_cast<int64_t>(bytes);
  account_.buffered_bytes -= static_cast<int64_t>(bytes);
}

// Something came for a receiver that has left `queued` bytes waiting. While buffers are full, new
// calls are refused; what open ones still may be sent must not go far beyond, so those that add to
// a backlog then are ended. A receiver that keeps up has none.
bool Call::EndIfOverfull(size_t queued) {
  if (queued == 0) return false;
  const std::string_view full = FullBuffers(worker_, account_, kOverfull);
  if (full.empty()) return false;
  client_->DropUnsent();
  RefuseFull(full);
  return true;
}

}  // namespace praefect::proxy
