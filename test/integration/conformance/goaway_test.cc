// Connections that end: GOAWAY from the node, our own, and nodes that die and come back.

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

using grpc::StatusCode;

constexpr uint32_t kEveryStream = 0x7fffffff;

// The first connection with a call says GOAWAY under it and serves it on; others just answer.
void GoawayThenServe(RawStream& stream) {
  const std::string first = stream.ReadMessage();
  if (stream.connection_index() > 0) return stream.Answer(first);
  stream.SendHeaders();
  stream.connection().Goaway(stream.id(), kNoError);
  stream.SendMessage("going");
  stream.SendMessage(stream.ReadMessage());
  stream.ReadToHalfClose();
  stream.Finish();
}

TEST_CASE_METHOD(Conformance, "a node's GOAWAY lets open streams finish, new ones go elsewhere") {
  ServeRaw(GoawayThenServe);
  auto open = Call(kBidi);
  open.Start().Write(Sent());
  CHECK(open.Read() == "going");
  auto next = Call(kUnary);
  CHECK_OK(next.Exchange({Sent("next")}));
  CHECK(next.answers() == std::vector{Seen("next")});
  CHECK(raw_node().connections() == 2);
  open.Write("still here");
  CHECK(open.Read() == "still here");
  open.HalfClose();
  CHECK_FALSE(open.Read());
  CHECK_OK(open.Finish());
}

TEST_CASE_METHOD(Conformance, "a call that a GOAWAY says was not taken is made again",
                 "[praefect]") {
  const bool after_message = GENERATE(false, true);
  ServeRaw([after_message](RawStream& stream) {
    const bool first = stream.connection_index() == 0;
    if (first && !after_message) return stream.connection().Goaway(0, kNoError);
    const std::string message = stream.ReadMessage();
    if (first) return stream.connection().Goaway(0, kNoError);
    stream.Answer(message);
  });
  auto call = Call(kUnary);
  CHECK_OK(call.Exchange({Sent("again")}));
  CHECK(call.answers() == std::vector{Seen("again")});
}

TEST_CASE_METHOD(Conformance, "a GOAWAY with an error ends the calls it names") {
  ServeRaw([](RawStream& stream) {
    stream.ReadMessage();
    stream.SendHeaders();
    stream.connection().Goaway(stream.id(), kInternalError);
    stream.connection().Close();
  });
  auto call = Call(kServerStream);
  CHECK(call.Exchange({Sent()}).error_code() == StatusCode::UNAVAILABLE);
}

TEST_CASE_METHOD(Conformance, "a node that dies amid a call", "[praefect]") {
  const int messages = GENERATE(-1, 0, 1, 3);  // -1: before its headers
  ServeRaw([messages](RawStream& stream) {
    stream.ReadMessage();
    if (messages >= 0) stream.SendHeaders();
    for (int i = 0; i < messages; ++i) stream.SendMessage("part");
    stream.connection().Close();
  });
  auto call = Call(kBidi);  // a mutator: it may have been applied, so it is not made again
  const grpc::Status status = call.Exchange({Sent()});
  CHECK(status.error_code() == StatusCode::UNAVAILABLE);
  CHECK_THAT(status.error_message(), Catch::Contains("gitaly-1"));
  CHECK_THAT(status.error_message(), Catch::Contains(raw_node().address()));
  CHECK(node_calls() == 1);
  CHECK(call.answers().size() == static_cast<size_t>(std::max(messages, 0)));
}

TEST_CASE_METHOD(Conformance, "a node's restart between calls") {
  Serve(Echo);
  auto before = Call(kUnary);
  CHECK_OK(before.Exchange({Sent("before")}));
  StopNode();
  RestartNode(Echo);
  WaitUntilServing();
  auto after = Call(kUnary);
  CHECK_OK(after.Exchange({Sent("after")}));
  CHECK(after.answers() == std::vector{Seen("after")});
}

TEST_CASE_METHOD(Conformance, "a node's restart during a call", "[praefect]") {
  ServeRaw([](RawStream& stream) {
    stream.SendHeaders();
    stream.SendMessage(stream.ReadMessage());
    stream.ReadToHalfClose();
  });
  auto during = Call(kBidi);
  during.Start().Write(Sent("during"));
  CHECK(during.Read() == Seen("during"));
  StopNode();
  CHECK_FALSE(during.Read());
  CHECK(during.Finish().error_code() == StatusCode::UNAVAILABLE);
  RestartNode(Echo);
  WaitUntilServing();
  auto after = Call(kUnary);
  CHECK_OK(after.Exchange({Sent("after")}));
}

TEST_CASE_METHOD(Conformance, "a node that is down for longer comes back", "[praefect]") {
  Serve(Echo);
  StopNode();
  WaitUntilNotServing();
  auto down = Call(kUnary);
  CHECK(down.Exchange({Sent()}).error_code() == StatusCode::UNAVAILABLE);
  RestartNode(Echo);
  WaitUntilServing();
  auto after = Call(kUnary);
  CHECK_OK(after.Exchange({Sent()}));
}

// Opens an echo stream by hand and sends its first message.
uint32_t OpenEcho(RawClient& client, const Fields& fields, const std::string& request) {
  const uint32_t stream = client.Open(kBidi, fields);
  client.connection().SendMessage(stream, request);
  client.connection().Expect(FrameType::kHeaders, stream);
  client.connection().Expect(FrameType::kData, stream);
  return stream;
}

TEST_CASE_METHOD(Conformance, "TERM says GOAWAY in two steps, open streams finish", "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  const uint32_t stream = OpenEcho(client, Authorized(), Sent());
  praefect().Terminate();
  const Frame warning = client.connection().Expect(FrameType::kGoaway, 0);
  CHECK(warning.last_stream() == kEveryStream);
  CHECK(warning.error_code() == kNoError);
  const Frame final = client.connection().Expect(FrameType::kGoaway, 0);
  CHECK(final.last_stream() == stream);
  CHECK(final.error_code() == kNoError);
  client.connection().SendMessage(stream, "still here", true);
  const RawAnswer answer = client.Answer(stream);
  CHECK(JoinMessages(answer.data) == "still here");
  CHECK(answer.grpc_status() == "0");
  client.connection().ExpectEnd();
  CHECK(praefect().WaitExit() == 0);
}

TEST_CASE_METHOD(Conformance, "a stream opened between the two GOAWAYs is served", "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  const uint32_t stream = OpenEcho(client, Authorized(), Sent());
  praefect().Terminate();
  CHECK(client.connection().Expect(FrameType::kGoaway, 0).last_stream() == kEveryStream);
  const uint32_t late = client.Open(kUnary, Authorized());
  client.connection().SendMessage(late, Sent("late"), true);
  CHECK(client.Answer(late).grpc_status() == "0");
  client.connection().SendMessage(stream, "", true);
  CHECK(client.Answer(stream).grpc_status() == "0");
}

TEST_CASE_METHOD(Conformance, "after the last GOAWAY new streams are refused", "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  const uint32_t stream = OpenEcho(client, Authorized(), Sent());
  praefect().Terminate();
  client.connection().Expect(FrameType::kGoaway, 0);
  client.connection().Expect(FrameType::kGoaway, 0);
  const uint32_t refused = client.Open(kUnary, Authorized());
  client.connection().SendMessage(refused, Sent("refused"), true);
  client.connection().SendMessage(stream, "", true);
  CHECK(client.Answer(stream).grpc_status() == "0");
  client.connection().ExpectEnd();
  CHECK(node_calls() == 1);
}

TEST_CASE_METHOD(Conformance, "health says NOT_SERVING while draining", "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  const uint32_t stream = OpenEcho(client, Authorized(), Sent());
  praefect().Terminate();
  client.connection().Expect(FrameType::kGoaway, 0);
  const uint32_t health = client.Open(kHealthCheck);
  client.connection().SendMessage(health, "", true);
  CHECK(JoinMessages(client.Answer(health).data) == std::string("\x08\x02"));
  client.connection().SendMessage(stream, "", true);
  CHECK(client.Answer(stream).grpc_status() == "0");
}

TEST_CASE_METHOD(Conformance, "a second TERM stops at once", "[praefect]") {
  Serve(Hang);
  RawClient client(address());
  const uint32_t stream = client.Open(kBidi, Authorized());
  client.connection().SendMessage(stream, Sent());
  node().Seen();
  praefect().Terminate();
  client.connection().Expect(FrameType::kGoaway, 0);
  praefect().Terminate();
  client.connection().ExpectEnd();
  CHECK(praefect().WaitExit().has_value());
}

}  // namespace
}  // namespace praefect::test
