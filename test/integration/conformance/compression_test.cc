// gzip, which Praefect must undo to read the first message, and what else clients may say.

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

using grpc::StatusCode;
using Messages = std::vector<std::string>;

const std::string kLong(20'000, 'z');

Fields Encoded(const std::string& encoding) { return {{"grpc-encoding", encoding}}; }

// One framed message on a new stream.
RawAnswer Ask(RawClient& client, const Fields& fields, const std::string& framed) {
  const uint32_t stream = client.Open(kUnary, fields);
  client.connection().SendData(stream, framed, true);
  return client.Answer(stream);
}

TEST_CASE_METHOD(Conformance, "a first message in gzip") {
  Serve(Echo);
  auto call = Call(kUnary);
  CHECK_OK(call.Gzipped().Exchange({Sent(kLong)}));
  CHECK((call.answers() == Messages{Seen(kLong)}));
}

TEST_CASE_METHOD(Conformance, "a first message in gzip is rewritten and valid") {
  bool compressed = false;
  ServeRaw([&compressed](RawStream& stream) {
    std::string message = stream.ReadMessage(&compressed);
    stream.Answer(compressed ? Gunzip(message) : message);
  });
  RawClient client(address());
  const RawAnswer answer =
      Ask(client, Authorized(Encoded("gzip")), GrpcFrame(Gzip(Sent(kLong)), true));
  CHECK(answer.grpc_status() == "0");
  CHECK((JoinMessages(answer.data) == Seen(kLong)));
  CHECK(compressed == direct());
}

TEST_CASE_METHOD(Conformance, "later messages in gzip") {
  Serve(Echo);
  auto call = Call(kBidi);
  call.Gzipped().Start().Write(Sent("first"), /*compress=*/false);
  CHECK(call.Read() == Seen("first"));
  for (int i = 0; i < 10; ++i) {
    call.Write(kLong + std::to_string(i), /*compress=*/i % 2 == 0);
    CHECK((call.Read() == kLong + std::to_string(i)));
  }
  call.HalfClose();
  CHECK_OK(call.Finish());
}

TEST_CASE_METHOD(Conformance, "answers in gzip") {
  Serve([](NodeCall& call) {
    call.CompressWithGzip();
    while (call.Read()) {
    }
    for (int i = 0; i < 5; ++i) call.Write(kLong, /*compress=*/i % 2 == 0);
  });
  auto call = Call(kServerStream);
  CHECK_OK(call.Exchange({Sent()}));
  CHECK((call.answers() == Messages(5, kLong)));
}

TEST_CASE_METHOD(Conformance, "gzip announced and not used") {
  Serve(Echo);
  RawClient client(address());
  const RawAnswer answer = Ask(client, Authorized(Encoded("gzip")), GrpcFrame(Sent("plain")));
  CHECK(answer.grpc_status() == "0");
  CHECK(JoinMessages(answer.data) == Seen("plain"));
}

TEST_CASE_METHOD(Conformance, "another encoding is not implemented", "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  const RawAnswer answer =
      Ask(client, Authorized(Encoded("snappy")), GrpcFrame("\xff\x06sNaPpY", true));
  CHECK(answer.grpc_status() == "12");
  CHECK_THAT(FieldOf(answer.headers, "grpc-accept-encoding"), Catch::Contains("gzip"));
}

TEST_CASE_METHOD(Conformance, "deflate is not implemented", "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  const RawAnswer answer = Ask(client, Authorized(Encoded("deflate")), GrpcFrame("x", true));
  CHECK(answer.grpc_status() == "12");
  CHECK_THAT(FieldOf(answer.headers, "grpc-accept-encoding"), Catch::Contains("gzip"));
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a broken gzip stream is refused", "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  const std::string whole = Gzip(Sent(kLong));
  const std::string broken =
      GENERATE_COPY(whole.substr(0, whole.size() / 2), std::string("no gzip"), std::string());
  const RawAnswer answer = Ask(client, Authorized(Encoded("gzip")), GrpcFrame(broken, true));
  CHECK_THAT(answer.grpc_status(), Catch::Equals("3") || Catch::Equals("13"));
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a compressed message without an encoding is refused", "[praefect]") {
  Serve(Echo);
  RawClient client(address());
  const RawAnswer answer = Ask(client, Authorized(), GrpcFrame(Gzip(Sent()), true));
  CHECK(answer.grpc_status() == "13");
}

TEST_CASE_METHOD(Conformance, "gzip that inflates beyond the limit is refused", "[praefect]") {
  options().limits = "max_first_message_bytes = 10000";
  Serve(Echo);
  RawClient client(address());
  const std::string bomb = Gzip(Sent(std::string(50 << 20, 'b')));
  const RawAnswer answer = Ask(client, Authorized(Encoded("gzip")), GrpcFrame(bomb, true));
  CHECK(answer.grpc_status() == "8");
  CHECK(node_calls() == 0);
}

}  // namespace
}  // namespace praefect::test
