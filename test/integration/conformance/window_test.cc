// Flow control: tiny windows, and windows that change under an open stream.

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

using Messages = std::vector<std::string>;

// Sends the request of a server stream; the stream's number.
uint32_t Ask(RawClient& client, const Fields& fields, const std::string& request) {
  const uint32_t stream = client.Open(kServerStream, fields);
  client.connection().SendMessage(stream, request, true);
  return stream;
}

// DATA on `stream` until `bytes` came, without giving credit for it.
std::string Receive(RawConnection& connection, uint32_t stream, size_t bytes) {
  std::string data;
  while (data.size() < bytes) data += connection.Expect(FrameType::kData, stream).payload;
  return data;
}

TEST_CASE_METHOD(Conformance, "a client with a tiny window gets the whole answer") {
  const uint32_t window = GENERATE(1, 1'000);
  const std::string answer = Pattern(window * 300);
  Serve(Answer({answer, "", answer}));
  RawClient client(address(), {{kInitialWindowSize, window}});
  const RawAnswer got = client.Answer(Ask(client, Authorized(), Sent()));
  CHECK(got.grpc_status() == "0");
  CHECK((JoinMessages(got.data) == answer + answer));
  CHECK(got.largest_data <= window);
}

TEST_CASE_METHOD(Conformance, "a node with a tiny window gets the whole request") {
  const uint32_t window = GENERATE(1, 1'000);
  const std::string part = Pattern(window * 300);
  ServeRaw(
      [&part](RawStream& stream) {
        const std::string first = stream.ReadMessage();
        const bool same = stream.ReadMessage() == part && stream.ReadMessage() == part;
        stream.ReadToHalfClose();
        stream.Answer(same ? first : "damaged");
      },
      {{kInitialWindowSize, window}});
  auto call = Call(kBidi);
  CHECK_OK(call.Exchange({Sent("first"), part, part}));
  CHECK(call.answers() == Messages{Seen("first")});
}

TEST_CASE_METHOD(Conformance, "a client's window of nothing holds the answer back") {
  const std::string answer = Pattern(10'000);
  Serve(Answer({answer}));
  RawClient client(address(), {{kInitialWindowSize, 0}});
  RawConnection& connection = client.connection();
  connection.set_gives_credit(false);
  const uint32_t stream = Ask(client, Authorized(), Sent());
  connection.Expect(FrameType::kHeaders, stream);
  connection.SendSettings({{kInitialWindowSize, 5'000}});
  std::string data = Receive(connection, stream, 5'000);
  CHECK(data.size() == 5'000);
  connection.SendSettings({{kInitialWindowSize, 100}});  // 4,900 below zero now
  connection.WindowUpdate(stream, 4'900);
  connection.WindowUpdate(stream, 5'005);
  data += Receive(connection, stream, 5'005);
  CHECK((JoinMessages(data) == answer));
  CHECK(FieldOf(connection.Expect(FrameType::kHeaders, stream).fields, "grpc-status") == "0");
}

TEST_CASE_METHOD(Conformance, "a client's smaller window after the answer began") {
  const std::string answer = Pattern(50'000);
  Serve(Answer({Pattern(20'000), answer}));
  RawClient client(address());
  const uint32_t stream = Ask(client, Authorized(), Sent());
  client.connection().Expect(FrameType::kHeaders, stream);
  client.connection().SendSettings({{kInitialWindowSize, 10}});
  const RawAnswer got = client.Answer(stream);
  CHECK((JoinMessages(got.data) == Pattern(20'000) + answer));
  CHECK(got.grpc_status() == "0");
}

TEST_CASE_METHOD(Conformance, "a node's window that shrinks and grows amid a request") {
  const std::string part = Pattern(60'000);
  ServeRaw([&part](RawStream& stream) {
    const std::string first = stream.ReadMessage();
    stream.connection().SendSettings({{kInitialWindowSize, 10}});
    const bool shrunk = stream.ReadMessage() == part;
    stream.connection().SendSettings({{kInitialWindowSize, 1 << 20}});
    const bool grown = stream.ReadMessage() == part;
    stream.ReadToHalfClose();
    stream.Answer(shrunk && grown ? first : "damaged");
  });
  auto call = Call(kBidi);
  CHECK_OK(call.Exchange({Sent("first"), part, part}));
  CHECK(call.answers() == Messages{Seen("first")});
}

TEST_CASE_METHOD(Conformance, "a client that does not read stops nobody else") {
  Serve(Answer({Pattern(4 << 20)}));
  RawClient stalled(address(), {{kInitialWindowSize, 0}});
  for (int i = 0; i < 20; ++i) Ask(stalled, Authorized(), Sent());
  for (int i = 0; i < 20; ++i) {
    auto call = Call(kServerStream);
    CHECK_OK(call.Exchange({Sent()}));
    CHECK((call.answers() == Messages{Pattern(4 << 20)}));
  }
}

TEST_CASE_METHOD(Conformance, "a stalled stream stops no other stream of its connection") {
  Serve(Answer({Pattern(100'000)}));
  RawClient client(address(), {{kInitialWindowSize, 0}});
  for (int i = 0; i < 5; ++i) Ask(client, Authorized(), Sent());
  const uint32_t stream = Ask(client, Authorized(), Sent());
  client.connection().WindowUpdate(stream, 1 << 20);
  const RawAnswer got = client.Answer(stream);
  CHECK((JoinMessages(got.data) == Pattern(100'000)));
}

TEST_CASE_METHOD(Conformance, "bytes of cancelled streams are credited to the connection") {
  Serve(Answer({Pattern(60'000)}));
  RawClient client(address());
  for (int i = 0; i < 50; ++i) {
    const uint32_t stream = Ask(client, Authorized(), Sent());
    client.connection().Expect(FrameType::kHeaders, stream);
    client.connection().Reset(stream, kCancel);
  }
  const RawAnswer got = client.Answer(Ask(client, Authorized(), Sent()));
  CHECK((JoinMessages(got.data) == Pattern(60'000)));
}

}  // namespace
}  // namespace praefect::test
