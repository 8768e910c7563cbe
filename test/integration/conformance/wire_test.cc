// Peers that do not speak gRPC, or not HTTP/2, or not well.

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

class Wire : public Conformance {
 protected:
  // Praefect is there and well after what was done to it.
  void StillServes() {
    auto call = Call(kUnary);
    CHECK_OK(call.Exchange({Sent("still")}));
    CHECK(call.answers() == std::vector{Seen("still")});
    CHECK(node_calls() == 1);
  }

  // Everything that comes back for `bytes`, until the connection is closed.
  std::string Say(std::string_view bytes) {
    RawConnection connection(Dial(address()));
    connection.SendBytes(bytes);
    const std::string answer = connection.ReadToEnd();
    CHECK(connection.ended());
    return answer;
  }
};

TEST_CASE_METHOD(Wire, "a content-type that is not gRPC", "[praefect]") {
  Serve(Echo);
  const auto type = GENERATE(as<std::string>(), "text/plain", "application/json", "");
  RawClient client(address());
  const uint32_t stream = client.Open(kUnary, Authorized({{"content-type", type}}), true);
  CHECK(FieldOf(client.Answer(stream).headers, ":status") == "415");
  StillServes();
}

TEST_CASE_METHOD(Conformance, "every content-type of gRPC") {
  Serve(Echo);
  const auto type = GENERATE(as<std::string>(), "application/grpc", "application/grpc+proto",
                             "application/grpc;charset=utf-8");
  RawClient client(address());
  const uint32_t stream = client.Open(kUnary, Authorized({{"content-type", type}}));
  client.connection().SendMessage(stream, Sent(), true);
  const RawAnswer answer = client.Answer(stream);
  CHECK(answer.grpc_status() == "0");
  CHECK_THAT(FieldOf(answer.headers, "content-type"), Catch::StartsWith("application/grpc"));
}

TEST_CASE_METHOD(Wire, "HTTP/1.1 gets a 400 and no more", "[praefect]") {
  Serve(Echo);
  const auto request =
      GENERATE(as<std::string>(), "GET / HTTP/1.1\r\nHost: praefect\r\n\r\n",
               "POST /gitaly.RefService/FindDefaultBranchName HTTP/1.1\r\nHost: x\r\n"
               "Content-Length: 5\r\n\r\nhello",
               "HEAD /metrics HTTP/1.0\r\n\r\n");
  CHECK_THAT(Say(request), Catch::StartsWith("HTTP/1.1 400 "));
  StillServes();
}

TEST_CASE_METHOD(Wire, "TLS on the plain port is closed", "[praefect]") {
  Serve(Echo);
  // The head of a ClientHello of TLS 1.2.
  Say(std::string_view("\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03", 11));
  StillServes();
}

TEST_CASE_METHOD(Wire, "noise is closed", "[praefect]") {
  Serve(Echo);
  const auto noise = GENERATE(as<std::string>(), Pattern(4'096), "SSH-2.0-OpenSSH_9.2\r\n",
                              "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
  Say(noise);
  StillServes();
}

TEST_CASE_METHOD(Wire, "broken frames close only their connection", "[praefect]") {
  Serve(Echo);
  const std::string settings = Encode(FrameType::kSettings, 0, 0, "");
  const auto frames =
      GENERATE_COPY(Encode(FrameType::kData, 0, 0, "data on stream zero"),
                    Encode(FrameType::kHeaders, kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff"),
                    Encode(FrameType::kSettings, 0, 0, "odd"),
                    Encode(FrameType::kWindowUpdate, 0, 0, std::string(4, '\0')),
                    Encode(FrameType::kContinuation, kEndHeaders, 1, "alone"),
                    Encode(FrameType::kData, 0, 1, std::string(20'000, 'x')));
  Say(std::string(kClientPreface) + settings + frames);
  StillServes();
}

TEST_CASE_METHOD(Conformance, "unknown frames are ignored") {
  Serve(Echo);
  RawClient client(address());
  client.connection().Send(static_cast<FrameType>(0xfa), 0xff, 0, "greasy");
  const uint32_t stream = client.Open(kUnary, Authorized());
  client.connection().Send(static_cast<FrameType>(0xfb), 0, stream, "more");
  client.connection().SendMessage(stream, Sent(), true);
  CHECK(client.Answer(stream).grpc_status() == "0");
}

TEST_CASE_METHOD(Conformance, "pings are answered") {
  Serve(Echo);
  RawClient client(address());
  client.connection().Send(FrameType::kPing, 0, 0, "8 bytes.");
  const Frame answer = client.connection().Expect(FrameType::kPing, 0);
  CHECK(answer.ack());
  CHECK(answer.payload == "8 bytes.");
}

TEST_CASE_METHOD(Wire, "clients that come and go without a word", "[praefect]") {
  Serve(Echo);
  for (int i = 0; i < 100; ++i) RawConnection(Dial(address())).SendBytes("PRI * HT");
  StillServes();
}

}  // namespace
}  // namespace praefect::test
