// Clients that go in the middle of a call, in every state that one can be in.

#include <catch2/catch.hpp>
#include <list>
#include <mutex>

#include "e2e/abuse/endings.h"
#include "e2e/abuse/site.h"
#include "integration/conformance/message.h"
#include "support/raw_http2/node.h"

namespace praefect::test {
namespace {

constexpr size_t kDownloadBytes = 60'000;  // within the window that Praefect gives the node

// A node that follows what the request says, and writes down how its calls are reset.
class Node {
 public:
  const std::string& address() const { return node_.address(); }
  std::vector<std::string> resets() const {
    const std::lock_guard lock(mutex_);
    return resets_;
  }
  int calls() const { return node_.calls(); }

 private:
  void Serve(RawStream& stream) {
    const std::string request = stream.ReadMessage();
    const auto told = [&](const char* what) { return request.find(what) != std::string::npos; };
    if (told("answer")) return stream.Answer("done");
    if (told("headers")) stream.SendHeaders();
    if (told("download")) stream.SendMessage(std::string(kDownloadBytes, 'x'));
    const std::string code = ErrorName(stream.ReadReset());
    const std::lock_guard lock(mutex_);
    resets_.push_back(code);
  }

  mutable std::mutex mutex_;
  std::vector<std::string> resets_;  // guarded by mutex_
  RawNode node_{
      "tcp://127.0.0.1:0", [this](RawStream& stream) { Serve(stream); }, {}, ServerInfo({"hand"})};
};

// What a client has done with the stream when it goes.
struct State {
  const char* name;
  std::string message;  // empty: none was sent
  bool ended;           // END_STREAM was sent
  bool half_a_message;  // was sent after the message
  const char* node;     // what the node is told; nullptr: it has no call
};

const State kStates[] = {
    {"before the first message", "", false, false, nullptr},
    {"within the first message", "", false, true, nullptr},
    {"while the node thinks", "silence", false, false, "CANCEL"},
    {"while the node thinks, half-closed", "silence", true, false, "CANCEL"},
    {"while it uploads", "silence", false, true, "CANCEL"},
    {"after the answer's headers", "headers", true, false, "CANCEL"},
    {"while it downloads", "headers download", true, false, "CANCEL"},
    {"while it up- and downloads", "headers download", false, true, "CANCEL"},
    {"after the node was done, the answer held by its window", "answer", true, false, nullptr},
};

enum class Way { kReset, kClose, kHalfClose };

struct Clients {
  Node node;
  Site site;
  explicit Clients(const std::string& limits = "")
      : site({{"hand", node.address(), NodeToken()}}, limits) {
    site.Record("hand");
    CHECK(site.Call("hand", {}, "answer") == "status 0");
    site.TakeRest();
  }

  uint32_t Reach(const State& state, RawClient& client) {
    RawConnection& connection = client.connection();
    const int calls = node.calls();
    const uint32_t stream = client.Open(kUploadPack, site.Authorized());
    const std::string message = GrpcFrame(RequestFor("hand", state.message));
    if (!state.message.empty()) connection.SendData(stream, message, state.ended);
    if (state.half_a_message) connection.SendData(stream, message.substr(0, message.size() / 2));
    if (state.message.starts_with("headers")) connection.Expect(FrameType::kHeaders, stream);
    if (!state.message.empty()) {
      CHECK(Eventually([&] { return node.calls() == calls + 1; }));
    } else {
      connection.Send(FrameType::kPing, 0, 0, "8 bytes.");  // Praefect has seen what came before
      connection.Expect(FrameType::kPing, 0);
    }
    return stream;
  }

  void Go(const State& state, Way way, uint32_t code) {
    const size_t resets = node.resets().size();
    {
      RawClient client(site.address(), {{kInitialWindowSize, 0}});
      const uint32_t stream = Reach(state, client);
      if (way == Way::kReset) client.connection().Reset(stream, code);
      if (way == Way::kHalfClose) client.connection().HalfClose();
      if (way != Way::kReset) client.connection().Close();
      if (state.node != nullptr) {
        CHECK(Eventually([&] { return node.resets().size() == resets + 1; }));
      }
    }
    if (state.node != nullptr && node.resets().size() > resets) {
      CHECK(node.resets().back() == state.node);
    }
  }
};

TEST_CASE("A client that leaves a call, in whatever state, leaves nothing behind") {
  Clients clients;
  constexpr uint32_t kUnknownCode = 0xdeadbeef;
  for (const State& state : kStates) {
    INFO(state.name);
    for (const uint32_t code : {uint32_t{kCancel}, uint32_t{kNoError}, kUnknownCode}) {
      clients.Go(state, Way::kReset, code);
    }
    clients.Go(state, Way::kClose, 0);
    clients.Go(state, Way::kHalfClose, 0);
    clients.site.CheckUnharmed();
  }
}

// What Praefect sees of a client whose host lost its power: nothing, ever again.
TEST_CASE("A client whose host is gone is found out, in whatever state its call is") {
  Clients clients("connection_ping_after = \"1s\"\nconnection_ping_timeout = \"3s\"");
  std::list<RawClient> gone;
  size_t calls = 0;
  for (const State& state : kStates) {
    gone.emplace_back(clients.site.address(), RawClient::Settings{{kInitialWindowSize, 0}});
    clients.Reach(state, gone.back());
    calls += state.node != nullptr ? 1 : 0;
  }
  CHECK(Eventually([&] {
    return clients.site.praefect().Metric("gitaly_praefect_limit_hits_total",
                                          {"limit=\"connection_pings\""}) == std::size(kStates);
  }));
  CHECK(Eventually([&] { return clients.node.resets().size() == calls; }));
  gone.clear();
  clients.site.CheckUnharmed();
}

TEST_CASE("A reset that comes after the end is nothing") {
  Clients clients;
  RawClient client(clients.site.address());
  for (int i = 0; i < 10; ++i) {
    const uint32_t stream = client.Open(kBranch, clients.site.Authorized());
    client.connection().SendMessage(stream, RequestFor(kSteady), true);
    CHECK(EndOf(client.connection(), stream) == "status 0");
    client.connection().Reset(stream, kCancel);
  }
}

TEST_CASE("Half of the calls are cancelled, the other half succeeds") {
  constexpr int kConnections = 4, kCalls = 80;
  Clients clients;
  for (int connection = 0; connection < kConnections; ++connection) {
    RawClient client(clients.site.address());
    std::set<uint32_t> kept;
    for (int i = 0; i < kCalls; ++i) {
      const uint32_t stream = client.Open(kBranch, clients.site.Authorized());
      client.connection().SendMessage(stream, RequestFor(kSteady), true);
      if (i % 2 == 0) {
        kept.insert(stream);
      } else {
        client.connection().Reset(stream, kCancel);
      }
    }
    for (const auto& [stream, end] : EndsOf(client.connection(), kept)) CHECK(end == "status 0");
  }
  clients.site.CheckUnharmed();
}

}  // namespace
}  // namespace praefect::test
