// Peers that take their time, all at once: a byte each second, or nothing.

#include <catch2/catch.hpp>
#include <chrono>
#include <list>

#include "e2e/abuse/endings.h"
#include "e2e/abuse/site.h"
#include "integration/conformance/message.h"
#include "support/raw_http2/node.h"

namespace praefect::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLongest{40};
// Five settings that nobody knows.
const std::string kSettings = Encode(FrameType::kSettings, 0, 0, std::string(30, '\xfa'));
// The head of a ClientHello of TLS 1.2.
const std::string kClientHello("\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03", 11);

enum class Port { kPlain, kTls, kBeneathTls };  // beneath: bytes in the place of TLS records

struct SlowPeer {
  const char* name;
  Port port;
  std::string at_once;
  std::string slowly;
};

// All are closed after http2_handshake_timeout or tls_handshake_timeout. None has said so much that
// a GOAWAY would be understood.
const SlowPeer kPeers[] = {
    {"nothing", Port::kPlain, "", ""},
    {"half a preface", Port::kPlain, std::string(kClientPreface.substr(0, 10)), ""},
    {"a preface by the byte", Port::kPlain, "", std::string(kClientPreface)},
    {"SETTINGS by the byte", Port::kPlain, std::string(kClientPreface), kSettings},
    {"no SETTINGS", Port::kPlain, std::string(kClientPreface), ""},
    {"no ClientHello", Port::kBeneathTls, "", ""},
    {"a ClientHello by the byte", Port::kBeneathTls, "", kClientHello},
    {"half a ClientHello", Port::kBeneathTls, kClientHello, ""},
    {"nothing after the handshake of TLS", Port::kTls, "", ""},
    {"a preface by the byte, in TLS", Port::kTls, "", std::string(kClientPreface)},
};

std::string AddressFor(const Site& site, Port port) {
  if (port == Port::kPlain) return site.address();
  const std::string tls = site.tls_address();
  return port == Port::kTls ? tls : "tcp" + tls.substr(tls.find(':'));
}

// One of them, at work.
class Slow {
 public:
  Slow(const Site& site, const SlowPeer& peer)
      : peer_(peer), connection_(Dial(AddressFor(site, peer.port))) {
    connection_.SendBytes(peer_.at_once);
  }
  const SlowPeer& peer() const { return peer_; }
  // Sends the next byte, if there is one, and looks whether the connection was closed.
  bool Ended() {
    if (sent_ < peer_.slowly.size()) connection_.SendBytes(peer_.slowly.substr(sent_++, 1));
    connection_.ReadToEnd(std::chrono::milliseconds::zero());
    return connection_.ended();
  }

 private:
  const SlowPeer& peer_;
  RawConnection connection_;
  size_t sent_ = 0;
};

// Calls `step` once a second until it says that all is done.
bool EverySecond(const std::function<bool()>& step) {
  const auto end = Clock::now() + kLongest;
  for (auto next = Clock::now(); next < end; next += std::chrono::seconds(1)) {
    while (Clock::now() < next) PauseBetweenLooks();
    if (step()) return true;
  }
  return false;
}

// A node that answers by the byte.
void AnswerSlowly(RawStream& stream) {
  stream.SendHeaders();
  std::string left = GrpcFrame("slow");
  EverySecond([&] {
    stream.connection().SendData(stream.id(), left.substr(0, 1));
    left.erase(0, 1);
    return left.empty();
  });
  stream.Finish();
}

TEST_CASE("A node that answers by the byte is waited for") {
  RawNode node("tcp://127.0.0.1:0", AnswerSlowly, {}, ServerInfo({"hand"}));
  Site site({{"hand", node.address(), NodeToken()}});
  CHECK(site.Call("hand") == "status 0");
  CHECK(site.bystander().failure() == "");
}

TEST_CASE("A first message by the byte is not waited for") {
  Site site({}, "first_message_timeout = \"3s\"");
  RawClient client(site.address());
  const uint32_t stream = client.Open(kBranch, site.Authorized());
  std::string left = GrpcFrame(RequestFor(kSteady));
  EverySecond([&] {
    client.connection().SendData(stream, left.substr(0, 1));
    left.erase(0, 1);
    return left.size() < 30;
  });
  CHECK(EndOf(client.connection(), stream) == "status 4");
  client.connection().Close();
  site.CheckUnharmed();
}

TEST_CASE("Who does not get to the point in time is closed, and counted") {
  Site site;
  std::list<Slow> peers;
  for (const SlowPeer& peer : kPeers) peers.emplace_back(site, peer);
  EverySecond([&] {
    peers.remove_if([](Slow& slow) { return slow.Ended(); });
    return peers.empty();
  });
  for (const Slow& slow : peers) FAIL_CHECK("not closed: " << slow.peer().name);
  peers.clear();
  CHECK(site.praefect().Metric("gitaly_praefect_limit_hits_total", {"limit=\"handshake\""}) ==
        std::size(kPeers));
  site.CheckUnharmed();
}

}  // namespace
}  // namespace praefect::test
