#include "proxy/side_call.h"

#include <catch2/catch.hpp>

#include "upstream_bench.h"

namespace praefect::proxy {
namespace {

// A call to a node that refuses its first `refusals` streams.
struct Calling {
  explicit Calling(int refusals) {
    node.refusals = refusals;
    call.Start();
  }
  void RunUntilDone() {
    bench.RunUntil([this] {
      if (auto* stream = std::exchange(node.stream, nullptr)) {
        stream->SendHeaders(Fields({{":status", "200"}, {"grpc-status", "0"}}), true);
      }
      return outcome.has_value();
    });
  }

  Bench bench;
  Node node{bench.loop, bench.buffers};
  std::optional<SideCall::Outcome> outcome;
  SideCall call{std::make_shared<Upstream>(bench.loop, bench.buffers, bench.resolver, node.address,
                                           bench.traffic),
                [] { return Request(); }, http2::Slice(),
                [this](SideCall::Outcome o) { outcome = std::move(o); }};
};

TEST_CASE("what a node provably did not take is sent to it again") {
  Calling calling(2);
  calling.RunUntilDone();
  CHECK(calling.outcome->code == http2::StatusCode::kOk);
  CHECK(calling.outcome->attempts == 3);
}

TEST_CASE("but not for ever") {
  Calling calling(100);
  calling.RunUntilDone();
  CHECK(calling.outcome->code == http2::StatusCode::kUnavailable);
  CHECK(calling.node.requests == SideCall::kMaxAttempts);
}

TEST_CASE("what a node answered is not sent again") {
  Calling calling(0);
  calling.RunUntilDone();
  CHECK(calling.outcome->attempts == 1);
  CHECK(calling.node.requests == 1);
}

}  // namespace
}  // namespace praefect::proxy
