// A node that resets streams, in every state and with every code, and one that refuses them.

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

using grpc::StatusCode;

enum class State { kBeforeMessage, kBeforeHeaders, kAfterHeaders, kAfterMessages, kMidMessage };

RawNode::Script ResetIn(State state, uint32_t code) {
  return [state, code](RawStream& stream) {
    if (state != State::kBeforeMessage) stream.ReadMessage();
    if (state >= State::kAfterHeaders) stream.SendHeaders();
    if (state >= State::kAfterMessages) stream.SendMessage("part");
    if (state == State::kMidMessage) {
      stream.connection().SendData(stream.id(), GrpcFrame("cut off").substr(0, 8));
    }
    stream.Reset(code);
  };
}

TEST_CASE_METHOD(Conformance, "a reset by the node becomes the status that gRPC maps it to") {
  // The table "HTTP2 error code -> gRPC status" of gRPC's protocol over HTTP/2. REFUSED_STREAM has
  // cases of its own.
  const auto [code, status] =
      GENERATE(table<uint32_t, int>({{kNoError, StatusCode::INTERNAL},
                                     {kProtocolError, StatusCode::INTERNAL},
                                     {kInternalError, StatusCode::INTERNAL},
                                     {kFlowControlError, StatusCode::INTERNAL},
                                     {kCancel, StatusCode::CANCELLED},
                                     {kEnhanceYourCalm, StatusCode::RESOURCE_EXHAUSTED},
                                     {kInadequateSecurity, StatusCode::PERMISSION_DENIED}}));
  const State state = GENERATE(State::kBeforeMessage, State::kBeforeHeaders, State::kAfterHeaders,
                               State::kAfterMessages, State::kMidMessage);
  ServeRaw(ResetIn(state, code));
  auto call = Call(kServerStream);
  const grpc::Status ended = call.Exchange({Sent()});
  INFO("HTTP/2 code " << code << " in state " << static_cast<int>(state));
  CHECK(ended.error_code() == StatusCode(status));
  CHECK(call.answers().size() == (state >= State::kAfterMessages ? 1 : 0));
}

TEST_CASE_METHOD(Conformance, "a refused stream after the answer began is not tried again") {
  const State state = GENERATE(State::kAfterHeaders, State::kAfterMessages);
  ServeRaw(ResetIn(state, kRefusedStream));
  auto call = Call(kServerStream);
  CHECK(call.Exchange({Sent()}).error_code() == StatusCode::UNAVAILABLE);
  CHECK(node_calls() == 1);
}

TEST_CASE_METHOD(Conformance, "a refused stream is tried again", "[praefect]") {
  const bool after_message = GENERATE(false, true);
  std::atomic<int> attempts{0};
  ServeRaw([&attempts, after_message](RawStream& stream) {
    const bool first = attempts++ == 0;
    if (first && !after_message) return stream.Reset(kRefusedStream);
    const std::string message = stream.ReadMessage();
    if (first) return stream.Reset(kRefusedStream);
    stream.Answer(message);
  });
  auto call = Call(GENERATE(as<std::string>(), kUnary, kServerStream, kClientStream, kBidi));
  CHECK_OK(call.Exchange({Sent("again")}));
  CHECK(call.answers() == std::vector{Seen("again")});
  CHECK(node_calls() == 2);
}

TEST_CASE_METHOD(Conformance, "a node that refuses every stream is unavailable") {
  ServeRaw([](RawStream& stream) { stream.Reset(kRefusedStream); });
  auto call = Call(kUnary);
  CHECK(call.Exchange({Sent()}).error_code() == StatusCode::UNAVAILABLE);
  CHECK(node_calls() < 10);
}

TEST_CASE_METHOD(Conformance, "a reset of one stream leaves the others alone") {
  ServeRaw([](RawStream& stream) {
    const std::string message = stream.ReadMessage();
    if (message.find("reset me") != std::string::npos) return stream.Reset(kInternalError);
    stream.Answer(message);
  });
  for (int i = 0; i < 20; ++i) {
    auto reset = Call(kUnary);
    CHECK(reset.Exchange({Sent("reset me")}).error_code() == StatusCode::INTERNAL);
    auto good = Call(kUnary);
    CHECK_OK(good.Exchange({Sent("good")}));
  }
  CHECK(raw_node().connections() == 1);
}

TEST_CASE_METHOD(Conformance, "a node that ends the stream without a status") {
  ServeRaw([](RawStream& stream) {
    stream.ReadMessage();
    stream.SendHeaders();
    stream.connection().SendData(stream.id(), GrpcFrame("part"), true);
  });
  auto call = Call(kServerStream);
  const int code = call.Exchange({Sent()}).error_code();
  CHECK((code == StatusCode::UNKNOWN || code == StatusCode::INTERNAL));
}

TEST_CASE_METHOD(Conformance, "a full answer and then NO_ERROR while the client still sends") {
  ServeRaw([](RawStream& stream) {
    stream.Answer(stream.ReadMessage());
    stream.Reset(kNoError);
  });
  auto call = Call(kBidi);
  call.Start().Write(Sent("early"));
  CHECK(call.Read() == Seen("early"));
  CHECK_FALSE(call.Read());
  CHECK_OK(call.Finish());
}

}  // namespace
}  // namespace praefect::test
