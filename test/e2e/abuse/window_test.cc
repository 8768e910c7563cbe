// Games with flow control that are within its rules, and one that is not.

#include <catch2/catch.hpp>

#include "e2e/abuse/endings.h"
#include "e2e/abuse/site.h"
#include "integration/conformance/message.h"
#include "support/raw_http2/node.h"

namespace praefect::test {
namespace {

constexpr size_t kAnswerBytes = 60'000;  // within the window that Praefect gives the node

// A node that answers "download" with kAnswerBytes, and everything else never. It takes no more
// than the first window of what it is sent.
void Serve(RawStream& stream) {
  stream.connection().set_gives_credit(false);
  if (stream.ReadMessage().find("download") == std::string::npos) return;
  stream.Answer(std::string(kAnswerBytes - 5, 'x'));
}

struct Windows {
  RawNode node{"tcp://127.0.0.1:0", Serve, {}, ServerInfo({"hand"})};
  Site site{{{"hand", node.address(), NodeToken()}}};
  Windows() {
    site.Record("hand");
    CHECK(site.Call("hand", {}, "download") == "status 0");
    site.TakeRest();
  }

  uint32_t Download(RawClient& client) {
    const uint32_t stream = client.Open(kBranch, site.Authorized());
    client.connection().SendMessage(stream, RequestFor("hand", "download"), true);
    return stream;
  }
  bool Buffers(double bytes) {
    return Eventually([&] { return site.HoldingsNow().buffered_bytes >= bytes; });
  }
};

TEST_CASE("A client that takes nothing holds a bounded share, and gives it back when it goes") {
  Windows windows;
  {
    RawClient client(windows.site.address(), {{kInitialWindowSize, 0}});
    for (int i = 0; i < 50; ++i) windows.Download(client);
    CHECK(windows.Buffers(50 * 50'000));
  }
  windows.site.CheckUnharmed();
}

TEST_CASE("A window that opens by one byte at a time carries the whole answer") {
  Windows windows;
  RawClient client(windows.site.address(), {{kInitialWindowSize, 0}});
  client.connection().set_gives_credit(false);
  const uint32_t stream = windows.Download(client);
  CHECK(windows.Buffers(kAnswerBytes));
  for (int i = 0; i < 500; ++i) client.connection().WindowUpdate(stream, 1);
  client.connection().WindowUpdate(0, kAnswerBytes);
  client.connection().WindowUpdate(stream, kAnswerBytes - 500);
  const RawAnswer answer = client.Answer(stream);
  CHECK(answer.data.size() == kAnswerBytes);
  CHECK(answer.grpc_status() == "0");
}

TEST_CASE("A window that shrinks below nothing stops a download, and lets it go on later") {
  Windows windows;
  RawClient client(windows.site.address(), {{kInitialWindowSize, 50'000}});
  client.connection().set_gives_credit(false);
  const uint32_t stream = windows.Download(client);
  size_t received = 0;
  while (received < 50'000) {
    received += client.connection().Expect(FrameType::kData, stream).payload.size();
  }
  client.connection().SendSettings({{kInitialWindowSize, 0}});  // the window is now -50,000
  client.connection().WindowUpdate(stream, 50'000);             // and now 0
  client.connection().Send(FrameType::kPing, 0, 0, "8 bytes.");
  while (const auto frame = client.connection().Next()) {
    CHECK(frame->type != FrameType::kData);
    if (frame->type == FrameType::kPing) break;
  }
  client.connection().WindowUpdate(0, kAnswerBytes);
  client.connection().SendSettings({{kInitialWindowSize, kAnswerBytes}});
  const RawAnswer answer = client.Answer(stream);
  CHECK(received + answer.data.size() == kAnswerBytes);
  CHECK(answer.grpc_status() == "0");
  client.connection().Close();
  windows.site.CheckUnharmed();
}

TEST_CASE("A client that sends more than it may is stopped") {
  Windows windows;
  RawClient client(windows.site.address());
  const uint32_t stream = client.Open(kUploadPack, windows.site.Authorized());
  client.connection().SendMessage(stream, RequestFor("hand", "upload"));
  // The node takes 64 KiB, Praefect holds a stream's window of 256 KiB; RFC 9113, 6.9.1.
  for (int i = 0; i < 200; ++i) client.connection().SendData(stream, std::string(10'000, 'x'));
  CHECK_THAT(
      (std::vector<std::string>{"RST_STREAM FLOW_CONTROL_ERROR", "GOAWAY FLOW_CONTROL_ERROR"}),
      Catch::VectorContains(EndOf(client.connection(), stream)));
  client.connection().Close();
  windows.site.CheckUnharmed();
}

}  // namespace
}  // namespace praefect::test
