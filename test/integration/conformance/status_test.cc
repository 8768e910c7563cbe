// How calls end.

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

using grpc::StatusCode;

TEST_CASE_METHOD(Conformance, "every status code, in an answer of trailers only") {
  const int code = GENERATE(range(0, 17));
  Serve(Refuse({StatusCode(code), code == 0 ? "" : "why not"}));
  auto call = Call(kServerStream);
  CHECK_STATUS(call.Exchange({Sent()}), code, code == 0 ? "" : "why not");
  CHECK(call.answers().empty());
}

TEST_CASE_METHOD(Conformance, "every status code, after messages") {
  const int code = GENERATE(range(0, 17));
  Serve([code](NodeCall& call) {
    for (int i = 0; i < 3; ++i) call.Write("part");
    call.Finish({StatusCode(code), code == 0 ? "" : "broke off"});
  });
  auto call = Call(kServerStream);
  CHECK_STATUS(call.Exchange({Sent()}), code, code == 0 ? "" : "broke off");
  CHECK(call.answers().size() == 3);
}

TEST_CASE_METHOD(Conformance, "an error after headers and without a message") {
  Serve([](NodeCall& call) {
    call.SendHeaders();
    call.Finish({StatusCode::NOT_FOUND, "no such blob"});
  });
  auto call = Call(kServerStream);
  CHECK_STATUS(call.Exchange({Sent()}), StatusCode::NOT_FOUND, "no such blob");
}

TEST_CASE_METHOD(Conformance, "status details are carried unchanged") {
  std::string details = BytesField(2, "conflict") + BytesField(3, Pattern(2'000));
  details.push_back('\0');
  Serve(Refuse({StatusCode::FAILED_PRECONDITION, "conflict", details}));
  auto call = Call(kUnary);
  const grpc::Status status = call.Exchange({Sent()});
  CHECK_STATUS(status, StatusCode::FAILED_PRECONDITION, "conflict");
  CHECK(status.error_details() == details);
}

TEST_CASE_METHOD(Conformance, "a message of any text is carried unchanged") {
  const std::string text = GENERATE(as<std::string>(), "Größe überschritten: 東京 🚀", "100% of %41",
                                    "line\nbreak\ttab\r", "trailing space ", "\"quoted\" \\ back");
  Serve(Refuse({StatusCode::INTERNAL, text}));
  auto call = Call(kUnary);
  CHECK_STATUS(call.Exchange({Sent()}), StatusCode::INTERNAL, text);
}

TEST_CASE_METHOD(Conformance, "a code that gRPC does not know") {
  ServeRaw([](RawStream& stream) {
    stream.ReadMessage();
    stream.SendHeaders();
    stream.Finish({{"grpc-status", "4711"}, {"grpc-message", "odd"}});
  });
  // By hand: gRPC's own type for codes has no such value.
  RawClient client(address());
  const uint32_t call = client.Open(kUnary, Authorized());
  client.connection().SendData(call, GrpcFrame(Sent()), true);
  const RawAnswer answer = client.Answer(call);
  CHECK(answer.grpc_status() == "4711");
  CHECK(answer.grpc_message() == "odd");
}

TEST_CASE_METHOD(Conformance, "a node whose answer is no gRPC") {
  const auto [http, code] =
      GENERATE(table<std::string, int>({{"400", StatusCode::INTERNAL},
                                        {"401", StatusCode::UNAUTHENTICATED},
                                        {"403", StatusCode::PERMISSION_DENIED},
                                        {"404", StatusCode::UNIMPLEMENTED},
                                        {"429", StatusCode::UNAVAILABLE},
                                        {"502", StatusCode::UNAVAILABLE},
                                        {"503", StatusCode::UNAVAILABLE},
                                        {"504", StatusCode::UNAVAILABLE},
                                        {"418", StatusCode::UNKNOWN}}));
  ServeRaw([status = http](RawStream& stream) {
    stream.ReadMessage();
    stream.connection().SendHeaders(stream.id(), {{":status", status}}, true);
  });
  auto call = Call(kUnary);
  CHECK(call.Exchange({Sent()}).error_code() == StatusCode(code));
}

}  // namespace
}  // namespace praefect::test
