#include "http2/keepalive.h"

#include <catch2/catch.hpp>
#include <random>

namespace praefect::http2 {
namespace {

constexpr int64_t kTimeout = 10'000;
constexpr int64_t kLook = 1'000;
constexpr int64_t kHour = 3'600'000;
using Step = Keepalive::Step;

// A gRPC server that enforces what gRPC servers enforce when nobody told them otherwise, as
// grpc-go does it.
struct StrictServer {
  void OnPing(int64_t now) {
    const bool early = pinged && now - last_ping < 300'000;
    strikes = forgiving ? 0 : strikes + (early ? 1 : 0);
    forgiving = false, pinged = true;
    last_ping = now;
  }
  void Answers() { forgiving = true; }
  int64_t last_ping = 0;
  bool pinged = false, forgiving = false;
  int strikes = 0;
};

// A connection with an open call, looked at every second.
struct Line {
  // `ms` pass. The peer acknowledges, unless it is frozen.
  void Pass(int64_t ms) {
    for (const int64_t end = now + ms; now < end && !found_frozen;) {
      now += kLook;
      const Step step = keepalive.Look(now, suspected);
      if (step == Step::kFrozen) found_frozen = true;
      if (step == Step::kPing) Ping();
    }
  }
  void Ping() {
    pings++;
    if (frozen) return;
    server.OnPing(now);
    most_strikes = std::max(most_strikes, server.strikes);
    keepalive.OnBytes(now);
    keepalive.OnAcknowledged();
  }
  void Answers() {
    server.Answers();
    keepalive.OnBytes(now);
    keepalive.OnAnswer();
  }

  Keepalive keepalive{kTimeout};
  StrictServer server;
  int64_t now = 1'000'000;
  bool frozen = false, suspected = false, found_frozen = false;
  int pings = 0, most_strikes = 0;
};

TEST_CASE("a peer that talks is not asked") {
  Line line;
  for (int i = 0; i < 100; i++) {
    line.Pass(4'000);
    line.keepalive.OnBytes(line.now);
  }
  CHECK(line.pings == 0);
}

TEST_CASE("a silent peer is asked once, and not again for five minutes") {
  Line line;
  line.Pass(5'000);
  CHECK(line.pings == 0);
  line.Pass(1'000);
  CHECK(line.pings == 1);
  line.Pass(300'000);
  CHECK(line.pings == 1);
  line.Pass(20'000);
  CHECK(line.pings == 2);
}

TEST_CASE("a peer that leaves a PING unanswered for the timeout is frozen") {
  Line line;
  line.frozen = true;
  line.Pass(15'000);
  CHECK(line.pings == 1);
  CHECK_FALSE(line.found_frozen);
  line.Pass(1'000);
  CHECK(line.found_frozen);
}

TEST_CASE("whatever it sends is a sign of life") {
  Line line;
  line.frozen = true;  // its acknowledgement waits behind a large answer
  for (int i = 0; i < 100; i++) {
    line.Pass(9'000);
    line.keepalive.OnBytes(line.now);
  }
  CHECK_FALSE(line.found_frozen);
  line.Pass(11'000);
  CHECK(line.found_frozen);
}

TEST_CASE("a suspicion is followed up at once") {
  Line line;
  line.Pass(16'000);
  CHECK(line.pings == 1);
  line.frozen = line.suspected = true;
  line.Pass(1'000);
  CHECK(line.pings == 2);
  line.Pass(10'000);
  CHECK(line.found_frozen);
}

TEST_CASE("a call that is silent for an hour costs no strike") {
  Line line;
  line.Pass(kHour);
  CHECK(line.pings >= 11);
  CHECK(line.most_strikes == 0);
}

TEST_CASE("a suspicion that does not end costs no more strikes than servers take") {
  Line line;
  line.suspected = true;
  line.Pass(kHour);
  CHECK(line.most_strikes == Keepalive::kSpareStrikes);
}

TEST_CASE("whatever happens, there is never a third strike") {
  Line line;
  std::mt19937 random(GENERATE(1, 2, 3, 4, 5));
  for (int i = 0; i < 2'000; i++) {
    line.suspected = random() % 4 == 0;
    line.Pass(static_cast<int64_t>(random() % 40) * kLook);
    if (random() % 8 == 0) line.Answers();
  }
  CHECK(line.pings > 100);
  CHECK(line.most_strikes <= Keepalive::kSpareStrikes);
  CHECK_FALSE(line.found_frozen);
}

TEST_CASE("a pause of our own is no silence of the peer") {
  Line line;
  line.frozen = true;
  line.Pass(6'000);
  line.now += 60'000;
  line.Pass(1'000);
  CHECK_FALSE(line.found_frozen);
  line.Pass(9'000);
  CHECK_FALSE(line.found_frozen);
  line.Pass(1'000);
  CHECK(line.found_frozen);
}

TEST_CASE("without a timeout nobody is asked") {
  CHECK(Keepalive(0).look_interval_ms() == 0);
  CHECK(Keepalive(1).look_interval_ms() == 1);
}

}  // namespace
}  // namespace praefect::http2
