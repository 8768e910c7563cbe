#include "proxy/node_calls.h"

#include <fmt/format.h>

#include <ctime>
#include <future>

#include "gitaly/metadata.h"
#include "proxy/request.h"

namespace praefect::proxy {
namespace {

using http2::StatusCode;

constexpr char kStopping[] = "Praefect is stopping";

http2::HeaderList CommonHeaders(const NodeRequest& request) {
  http2::HeaderList headers = OwnRequest(request.path);
  for (const auto& [name, value] : request.metadata) {
    headers.AddView(name, value, name == gitaly::kGitalyServersHeader);
  }
  return headers;
}

}  // namespace

NodePtr FindNode(std::shared_ptr<const nodes::Snapshot> snapshot, std::string_view virtual_storage,
                 std::string_view storage) {
  const nodes::VirtualStorage* found = snapshot->Find(virtual_storage);
  const nodes::Node* node = found == nullptr ? nullptr : found->Find(storage);
  if (node == nullptr) return nullptr;
  return {std::move(snapshot), node};
}

// On the loop's thread. Deleted when it ended, from the loop and not from inside a callback of its
// stream.
class NodeCalls::OneCall {
 public:
  OneCall(NodeCalls& calls, NodePtr node, NodeRequest request, Done done)
      : calls_(calls),
        node_(std::move(node)),
        request_(std::move(request)),
        headers_(CommonHeaders(request_)),
        done_(std::move(done)),
        begun_ms_(calls.loop_.now_ms()),
        timer_(calls.loop_, [this] { GiveUp(StatusCode::kDeadlineExceeded, "gave no answer"); }),
        call_(
            std::in_place, calls.upstreams_.Of(*node_), [this] { return MakeHeaders(); },
            MakeMessage(calls.buffers_.control, request_.message),
            [this](SideCall::Outcome outcome) { Ended(std::move(outcome)); },
            request_.max_response_bytes, request_.gate,
            request_.gate != nullptr ? node_.get() : nullptr) {}

  void Start() {
    if (request_.timeout.count() > 0) timer_.Start(request_.timeout.count());
    call_->Start();
  }

  // Whoever began it is told; the node may go on with it.
  void GiveUp(StatusCode code, std::string_view why) {
    if (!done_) return;
    const auto end = sent_ ? SideCall::End::kLost : SideCall::End::kNeverSent;
    call_.reset();  // resets the stream
    Finish({code, Describe(why), {}, end});
  }

 private:
  http2::HeaderList MakeHeaders() {
    sent_ = true;
    std::optional<std::chrono::milliseconds> left;
    if (request_.timeout.count() > 0) {
      const int64_t used = calls_.loop_.now_ms() - begun_ms_;
      left = std::chrono::milliseconds(std::max<int64_t>(request_.timeout.count() - used, 0));
    }
    NodeHeading& heading = calls_.upstreams_.Of(*node_)->heading();
    return MakeNodeHeaders(headers_, heading.authority(),
                           heading.Authorization(node_->token, time(nullptr)),
                           request_.correlation_id, left);
  }

  std::string Describe(std::string_view what) const {
    return fmt::format("node \"{}\" ({}): {}", node_->storage, node_->address_text, what);
  }

  void Ended(SideCall::Outcome outcome) {
    std::string message = outcome.code == StatusCode::kOk ? "" : Describe(outcome.message);
    Finish({outcome.code, std::move(message), std::move(outcome.responses), outcome.end});
  }

  void Finish(NodeAnswer answer) {
    timer_.Stop();
    if (auto done = std::exchange(done_, nullptr)) done(std::move(answer));
    calls_.loop_.Post([this] { calls_.End(*this); });
  }

  NodeCalls& calls_;
  const NodePtr node_;
  const NodeRequest request_;
  const http2::HeaderList headers_;
  Done done_;
  const int64_t begun_ms_;
  bool sent_ = false;
  net::Timer timer_;
  std::optional<SideCall> call_;
};

NodeCalls::NodeCalls(http2::MemoryMeter& memory, net::Resolver& resolver,
                     std::chrono::milliseconds keepalive_timeout)
    : buffers_(memory),
      upstreams_(loop_, buffers_, resolver, keepalive_timeout),
      thread_([this] { loop_.Run(); }) {}

NodeCalls::~NodeCalls() { Stop(); }

void NodeCalls::Publish(std::shared_ptr<const nodes::Snapshot> snapshot) {
  loop_.Post([this, snapshot = std::move(snapshot)]() mutable {
    upstreams_.TakeSnapshot(std::move(snapshot));
  });
}

void NodeCalls::Start(NodePtr node, NodeRequest request, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      loop_.Post([this, node = std::move(node), request = std::move(request),
                  done = std::move(done)]() mutable {
        Begin(std::move(node), std::move(request), std::move(done));
      });
      return;
    }
  }
  done({StatusCode::kUnavailable, kStopping, {}, SideCall::End::kNeverSent});
}

void NodeCalls::Begin(NodePtr node, NodeRequest request, Done done) {
  auto* call = new OneCall(*this, std::move(node), std::move(request), std::move(done));
  calls_.insert(call);
  call->Start();
}

void NodeCalls::End(OneCall& call) {
  if (calls_.erase(&call) > 0) delete &call;
}

NodeAnswer NodeCalls::Wait(NodePtr node, NodeRequest request) {
  std::promise<NodeAnswer> promise;
  auto answer = promise.get_future();
  Start(std::move(node), std::move(request),
        [&promise](NodeAnswer done) { promise.set_value(std::move(done)); });
  return answer.get();
}

void NodeCalls::Stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
    loop_.Post([this] {
      for (OneCall* call : calls_) call->GiveUp(StatusCode::kUnavailable, kStopping);
      upstreams_.CloseAll();
    });
  }
  loop_.Stop();
  thread_.join();
  for (OneCall* call : std::exchange(calls_, {})) delete call;
}

}  // namespace praefect::proxy
