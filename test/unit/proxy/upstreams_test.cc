#include "proxy/upstreams.h"

#include <list>

#include "upstream_bench.h"

namespace praefect::proxy {
namespace {

// A node that takes connections, and ways to it.
struct WaysToNode : Bench {
  WaysToNode() {
    auto bound = net::ListeningSocket::Bind({config::Address::Kind::kTcp, "127.0.0.1", 0, ""});
    REQUIRE(bound.ok());
    socket = *std::move(bound);
    node.address = socket->address();
    node.traffic = traffic;
  }
  // For one stream; it ends when the share goes.
  std::shared_ptr<Upstream> Lane(const void* client) { return upstreams.LaneOf(node, client); }
  http2::Connection* Connect(Upstream& to) {
    Waiting call;
    to.Acquire(call);
    RunUntil([&] { return call.told == 1; });
    return call.connection;
  }

  std::unique_ptr<net::ListeningSocket> socket;
  nodes::Node node;
  int crowded = 0;
  Upstreams upstreams{loop, buffers, resolver, std::chrono::milliseconds(0), [this] { crowded++; },
                      20};
  int clients[100] = {};
};

TEST_CASE_METHOD(WaysToNode, "all of a client's streams share a lane, and nobody else's do") {
  const auto first = Lane(&clients[0]), again = Lane(&clients[0]), other = Lane(&clients[1]);
  CHECK(first == again);
  CHECK(first != other);
  const auto calls = upstreams.Of(node);
  CHECK((calls != first && calls != other));
  CHECK(Connect(*first) != Connect(*other));
}

TEST_CASE_METHOD(WaysToNode, "a lane is the next client's when its streams have ended") {
  auto first = Lane(&clients[0]);
  const Upstream* const lane = first.get();
  first.reset();
  CHECK(Lane(&clients[1]).get() == lane);
}

TEST_CASE_METHOD(WaysToNode, "more clients than there are lanes share those that are used least") {
  std::list<std::shared_ptr<Upstream>> streams;
  for (size_t i = 0; i < Upstreams::kMaxLanes; ++i) {
    for (int j = 0; j < 2; ++j) streams.push_back(Lane(&clients[i]));
  }
  const Upstream* const last = streams.back().get();
  streams.pop_back();
  CHECK(crowded == 0);
  CHECK(Lane(&clients[99]).get() == last);
  CHECK(crowded == 1);
}

TEST_CASE_METHOD(WaysToNode,
                 "a lane that nobody has used for some time is closed, others are not") {
  auto unused = Lane(&clients[0]);
  const auto used = Lane(&clients[1]);
  Connect(*unused), Connect(*used);
  CHECK(traffic->connected == 2);
  unused.reset();
  RunUntil([&] { return traffic->connected == 1 && traffic->draining == 0; });
  CHECK(Lane(&clients[1]) == used);
}

}  // namespace
}  // namespace praefect::proxy
