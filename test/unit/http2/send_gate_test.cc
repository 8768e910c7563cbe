#include "http2/send_gate.h"

#include "unit/http2/pair.h"

namespace praefect::http2 {
namespace {

struct Gate : SendGate {
  bool MayBegin() const override {
    begin_asked++;
    return begin;
  }
  bool MayContinue() const override {
    continue_asked++;
    return go_on;
  }
  bool begin = true, go_on = true;
  mutable int begin_asked = 0, continue_asked = 0;
};

struct Gated : Pair {
  explicit Gated(ConnectionOptions server_options = {}) : Pair(server_options) {
    server.on_request = [](Ear& ear) {
      if (ear.ended) ear.stream->SendHeaders(Fields({{":status", "200"}}), true);
    };
  }
  Stream* OpenGated(Ear& ear, bool end) {
    return ear.stream = client.connection->Open(Request(), end, ear, gate);
  }

  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
};

TEST_CASE("a gated stream begins when its gate lets it") {
  Gated pair;
  Ear ear;
  pair.OpenGated(ear, true);
  CHECK(pair.gate->begin_asked == 0);  // only when it is sent
  pair.RunUntil([&] { return ear.ended; });
  CHECK(pair.gate->begin_asked > 0);
  CHECK(pair.server.ears.size() == 1);
}

TEST_CASE("a gated stream whose time is over is not sent, and nothing else suffers") {
  Gated pair;
  Ear refused, other;
  pair.OpenGated(refused, true);
  pair.Open(other, true);
  pair.gate->begin = false;
  pair.RunUntil([&] { return refused.closed && other.ended; });
  CHECK(refused.closure.never_taken);
  CHECK_FALSE(refused.closure.connection_lost);
  CHECK(pair.server.ears.size() == 1);
}

TEST_CASE("a gated stream carries its data and its end") {
  Gated pair;
  Ear ear;
  Stream* stream = pair.OpenGated(ear, false);
  stream->SendData(pair.Bytes("before it begins"));
  pair.RunUntil([&] { return !pair.server.ears.empty() && !pair.server.ears[0]->body.empty(); });
  stream->SendData(pair.Bytes(", after it"));
  stream->SendEnd();
  pair.RunUntil([&] { return pair.server.ears[0]->ended; });
  CHECK(pair.server.ears[0]->body == "before it begins, after it");
  CHECK(pair.gate->continue_asked > 0);
}

TEST_CASE("later bytes that come too late close the connection") {
  const bool end_only = GENERATE(false, true);  // an empty frame that completes the call
  CAPTURE(end_only);
  Gated pair;
  Ear ear;
  Stream* stream = pair.OpenGated(ear, false);
  pair.RunUntil([&] { return !pair.server.ears.empty(); });
  pair.gate->go_on = false;
  if (!end_only) stream->SendData(pair.Bytes("late"));
  if (end_only) stream->SendEnd();
  pair.RunUntil([&] { return ear.closed && pair.server.ears[0]->closed; });
  CHECK(ear.closure.connection_lost);
  CHECK_FALSE(ear.closure.never_taken);
  CHECK(pair.server.ears[0]->body.empty());
  CHECK_FALSE(pair.server.ears[0]->ended);
}

TEST_CASE("an idle gated stream asks nothing of others") {
  Gated pair;
  Ear ear, other;
  pair.OpenGated(ear, false);
  pair.RunUntil([&] { return !pair.server.ears.empty(); });
  pair.gate->go_on = false;
  pair.Open(other, true);
  pair.RunUntil([&] { return other.ended; });
  CHECK_FALSE(ear.closed);
}

TEST_CASE("a gated stream that is reset before it begins was never there") {
  Gated pair;
  Ear ear, other;
  pair.OpenGated(ear, true)->Reset(kCancel);
  pair.Open(other, true);
  pair.RunUntil([&] { return other.ended; });
  CHECK(pair.gate->begin_asked == 0);
  CHECK(pair.server.ears.size() == 1);
}

TEST_CASE("a gated stream beyond what the peer takes waits and is asked when there is room") {
  ConnectionOptions one;
  one.max_concurrent_streams = 1;
  Gated pair(one);
  Ear first, second;
  Stream* stream = pair.Open(first, false);
  pair.OpenGated(second, true);
  pair.RunUntil([&] { return !pair.server.ears.empty(); });
  CHECK(pair.gate->begin_asked == 0);
  stream->SendEnd();
  pair.server.ears[0]->stream->SendHeaders(Fields({{":status", "200"}}), true);
  pair.RunUntil([&] { return second.ended; });
  CHECK(pair.gate->begin_asked > 0);
}

TEST_CASE("a gated stream behind bytes that wait for the socket is asked when they have left") {
  const bool in_time = GENERATE(true, false);
  CAPTURE(in_time);
  Gated pair;
  Ear plain, ear;
  pair.stuck = true;
  pair.Open(plain, true);
  pair.RunRounds();
  pair.OpenGated(ear, true);
  pair.RunRounds();
  CHECK(pair.gate->begin_asked == 0);
  pair.gate->begin = in_time;
  pair.stuck = false;
  pair.RunUntil([&] { return plain.ended && (in_time ? ear.ended : ear.closed); });
  CHECK(ear.closure.never_taken == !in_time);
  CHECK(pair.server.ears.size() == (in_time ? 2 : 1));
}

TEST_CASE("a gated stream does not wait for the end of others that always have something to send") {
  ConnectionOptions wide;
  wide.stream_window = 8 << 20;
  Gated pair(wide);
  Ear upload, ear;
  Stream* stream = pair.Open(upload, false);
  constexpr size_t kAll = 64 << 20;
  stream->SendData(pair.Bytes(std::string(kAll, 'x')));
  pair.RunUntil([&] { return !pair.server.ears.empty() && !pair.server.ears[0]->body.empty(); });
  pair.OpenGated(ear, true);
  pair.RunUntil([&] { return ear.ended; });
  CHECK(pair.server.ears[0]->body.size() < kAll);
}

TEST_CASE("a gated stream that the socket did not take in time never leaves") {
  Gated pair;
  Ear ear;
  pair.stuck = true;
  pair.OpenGated(ear, true);
  pair.RunRounds();
  CHECK(pair.gate->begin_asked > 0);
  pair.gate->begin = false;
  pair.stuck = false;
  pair.RunUntil([&] { return ear.closed && pair.server.connection == nullptr; });
  CHECK(ear.closure.never_taken);
  CHECK(pair.server.ears.empty());
}

TEST_CASE("what was queued of a gated stream is asked for after its reset as well") {
  Gated pair;
  Ear ear;
  Stream* stream = pair.OpenGated(ear, false);
  pair.RunUntil([&] { return !pair.server.ears.empty(); });
  pair.stuck = true;
  stream->SendData(pair.Bytes("queued"));
  pair.RunRounds();
  stream->Reset(kCancel);
  pair.gate->go_on = false;
  pair.stuck = false;
  pair.RunUntil([&] { return pair.client.connection == nullptr; });
  pair.RunUntil([&] { return pair.server.connection == nullptr; });
  CHECK(pair.server.ears[0]->body.empty());
}

TEST_CASE("resets are confirmed when the peer has read them") {
  Gated pair;
  Ear ear;
  Stream* stream = pair.OpenGated(ear, false);
  pair.RunUntil([&] { return !pair.server.ears.empty(); });
  stream->Reset(kCancel);
  int confirmed = 0;
  bool seen = false;
  for (int i = 0; i < 3; i++) {
    pair.client.connection->ConfirmResets([&] {
      confirmed++;
      seen = pair.server.ears[0]->closed;
    });
  }
  pair.RunUntil([&] { return confirmed == 3; });
  CHECK(seen);
}

TEST_CASE("a confirmation does not come after the connection") {
  Gated pair;
  auto held = std::make_shared<bool>(false);
  pair.client.connection->ConfirmResets([held] { *held = true; });
  pair.client.connection->Close("test");
  pair.RunUntil([&] { return pair.client.connection == nullptr; });
  CHECK(held.use_count() == 1);
  CHECK_FALSE(*held);
}

}  // namespace
}  // namespace praefect::http2
