#pragma once

// The ways of one event loop to all nodes: made when they are first needed, let go when their node
// leaves the configuration.

#include <chrono>
#include <memory>
#include <unordered_map>
#include <vector>

#include "net/event_loop.h"
#include "nodes/snapshot.h"
#include "proxy/upstream.h"

namespace praefect::proxy {

// Everything is for the thread of the loop. What is referred to outlives it.
class Upstreams {
 public:
  Upstreams(net::EventLoop& loop, http2::Buffers& buffers, net::Resolver& resolver,
            std::chrono::milliseconds keepalive_timeout);

  // Users keep their share for as long as they may call it.
  std::shared_ptr<Upstream> Of(const nodes::Node& node);
  // Nodes that came up are tried at once; connections to those that left close when they are idle.
  // Null before the first call.
  void TakeSnapshot(std::shared_ptr<const nodes::Snapshot> snapshot);
  const std::shared_ptr<const nodes::Snapshot>& snapshot() const { return snapshot_; }
  void set_keepalive_timeout(std::chrono::milliseconds timeout);
  // Ends all connections; the calls on them fail.
  void CloseAll();

 private:
  void DrainLeft();

  net::EventLoop& loop_;
  http2::Buffers& buffers_;
  net::Resolver& resolver_;
  std::chrono::milliseconds keepalive_timeout_;
  std::shared_ptr<const nodes::Snapshot> snapshot_;
  std::unordered_map<uint32_t, std::shared_ptr<Upstream>> upstreams_;  // by nodes::Node::id
  // Of nodes that are no longer in the snapshot: until nobody uses them.
  std::vector<std::shared_ptr<Upstream>> left_;
  net::Timer left_timer_;  // looks at left_ while there are any
};

}  // namespace praefect::proxy
