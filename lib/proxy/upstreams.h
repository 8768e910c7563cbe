#pragma once

// The ways of one event loop to all nodes: made when they are first needed, let go when their node
// leaves the configuration.
//
// Calls of one message each way share a connection to each node: what many of them say leaves with
// one system call. Streams do not. A node and the network share between connections, and within one
// between streams, so a client with a thousand downloads would get a thousand times what one gets
// that has a single one. So the streams of each client have a connection of their own, a lane; it
// is the next client's when they have ended.

#include <chrono>
#include <functional>
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
  // To one node. With more clients that have streams, some share a lane.
  static constexpr size_t kMaxLanes = 16;
  // A lane that nobody has used for one to two of these is closed.
  static constexpr int64_t kLaneLookMs = 30'000;

  // `crowded` is called when a stream shares its lane with those of another client.
  Upstreams(net::EventLoop& loop, http2::Buffers& buffers, net::Resolver& resolver,
            std::chrono::milliseconds keepalive_timeout, std::function<void()> crowded = nullptr,
            int64_t lane_look_ms = kLaneLookMs);

  // Users keep their share for as long as they may call it: a lane that is kept is not free.
  std::shared_ptr<Upstream> Of(const nodes::Node& node);
  // For a stream of `client`, which is only compared.
  std::shared_ptr<Upstream> LaneOf(const nodes::Node& node, const void* client);
  // Nodes that came up are tried at once; connections to those that left close when they are idle.
  // Null before the first call.
  void TakeSnapshot(std::shared_ptr<const nodes::Snapshot> snapshot);
  const std::shared_ptr<const nodes::Snapshot>& snapshot() const { return snapshot_; }
  void set_keepalive_timeout(std::chrono::milliseconds timeout);
  // Ends all connections; the calls on them fail.
  void CloseAll();

 private:
  struct Lane {
    std::shared_ptr<Upstream> upstream;
    const void* client;  // who had it last
    bool used = true;    // since the last look
    bool free() const { return upstream.use_count() == 1; }
  };
  // To one node.
  struct Ways {
    std::shared_ptr<Upstream> shared;  // nullptr until it is needed
    std::vector<Lane> lanes;
    template <class Action>
    void ForEach(Action action) {
      if (shared != nullptr) action(shared);
      for (Lane& lane : lanes) action(lane.upstream);
    }
  };
  std::shared_ptr<Upstream> Make(const nodes::Node& node);
  Lane& ChooseLane(Ways& ways, const nodes::Node& node, const void* client);
  void LookAtLanes();
  void DrainLeft();

  net::EventLoop& loop_;
  http2::Buffers& buffers_;
  net::Resolver& resolver_;
  std::chrono::milliseconds keepalive_timeout_;
  const std::function<void()> crowded_;
  const int64_t lane_look_ms_;
  std::shared_ptr<const nodes::Snapshot> snapshot_;
  std::unordered_map<uint32_t, Ways> ways_;  // by nodes::Node::id
  // Of nodes that are no longer in the snapshot, and lanes that nobody needs: until nobody uses
  // them.
  std::vector<std::shared_ptr<Upstream>> left_;
  net::Timer lanes_timer_;
  net::Timer left_timer_;  // looks at left_ while there are any
};

}  // namespace praefect::proxy
