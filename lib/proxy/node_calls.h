#pragma once

// Praefect's own calls to nodes: copies, questions, maintenance. They go through the HTTP/2 of the
// data plane and not through the gRPC library, which queues, sends again and writes from threads of
// its own, and so cannot say whether a node may still apply what it was sent.

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "http2/buffer.h"
#include "http2/grpc.h"
#include "net/event_loop.h"
#include "net/resolver.h"
#include "nodes/snapshot.h"
#include "proxy/side_call.h"
#include "proxy/upstreams.h"

namespace praefect::proxy {

// Shares the snapshot that the node is from.
using NodePtr = std::shared_ptr<const nodes::Node>;
// Null where the snapshot has no such storage.
NodePtr FindNode(std::shared_ptr<const nodes::Snapshot> snapshot, std::string_view virtual_storage,
                 std::string_view storage);

struct NodeRequest {
  std::string path;     // "/gitaly.RepositoryService/RepositoryExists"
  std::string message;  // serialized
  // From Start on, until it is answered; the node is told as well. 0: however long it takes, as
  // long as the node gives a sign of life.
  std::chrono::milliseconds timeout{0};
  std::string correlation_id;                                   // may be empty
  std::vector<std::pair<std::string, std::string>> metadata{};  // beside what every call has
  size_t max_response_bytes = 4 << 20;                          // of all answers
  std::shared_ptr<const http2::SendGate> gate{};  // of a call that may change a replica
};

struct NodeAnswer {
  http2::StatusCode code = http2::StatusCode::kOk;
  std::string message;                 // of an error: begins with the name of the node
  std::vector<std::string> responses;  // serialized, in order
  SideCall::End end = SideCall::End::kAnswered;

  bool ok() const { return code == http2::StatusCode::kOk; }
};

// One thread with an event loop, and one connection to each node. Thread-safe.
class NodeCalls {
 public:
  // What is referred to outlives it.
  NodeCalls(http2::MemoryMeter& memory, net::Resolver& resolver,
            std::chrono::milliseconds keepalive_timeout);
  ~NodeCalls();  // Stop
  NodeCalls(const NodeCalls&) = delete;
  NodeCalls& operator=(const NodeCalls&) = delete;

  // Before the first call, and whenever something is learned of the nodes.
  void Publish(std::shared_ptr<const nodes::Snapshot> snapshot);

  // Called once, on the thread of the calls (which it must not block), or inside of Start after
  // Stop.
  using Done = std::function<void(NodeAnswer)>;
  void Start(NodePtr node, NodeRequest request, Done done);
  // Blocks until it is answered; never on an event loop.
  NodeAnswer Wait(NodePtr node, NodeRequest request);

  // Ends all calls (what was sent counts as lost), also those that come later.
  void Stop();

 private:
  class OneCall;
  void Begin(NodePtr node, NodeRequest request, Done done);
  void End(OneCall& call);

  net::EventLoop loop_;
  http2::Buffers buffers_;
  Upstreams upstreams_;
  std::unordered_set<OneCall*> calls_;  // owned

  std::mutex mutex_;
  bool stopped_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace praefect::proxy
