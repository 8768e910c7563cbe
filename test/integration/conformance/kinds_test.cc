// The four kinds of calls, and how many messages go either way.

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

using Messages = std::vector<std::string>;

TEST_CASE_METHOD(Conformance, "a unary call") {
  Serve(Echo);
  auto call = Call(kUnary);
  CHECK_OK(call.Exchange({Sent("ping")}));
  CHECK(call.answers() == Messages{Seen("ping")});
  CHECK(node().Seen().method == kUnary);
}

TEST_CASE_METHOD(Conformance, "a server streaming call") {
  Serve(Answer({"one", "two", "three"}));
  auto call = Call(kServerStream);
  CHECK_OK(call.Exchange({Sent()}));
  CHECK(call.answers() == Messages{"one", "two", "three"});
}

TEST_CASE_METHOD(Conformance, "a client streaming call") {
  Serve(Answer({"done"}));
  auto call = Call(kClientStream);
  CHECK_OK(call.Exchange({Sent("first"), "second", "third"}));
  CHECK(call.answers() == Messages{"done"});
  CHECK(node().Seen().messages == Messages{Seen("first"), "second", "third"});
}

TEST_CASE_METHOD(Conformance, "a bidirectional call, one answer for one question") {
  Serve(Echo);
  auto call = Call(kBidi);
  call.Start().Write(Sent("first"));
  CHECK(call.Read() == Seen("first"));
  for (int i = 0; i < 100; ++i) {
    call.Write(Pattern(100, i));
    CHECK(call.Read() == Pattern(100, i));
  }
  call.HalfClose();
  CHECK_FALSE(call.Read());
  CHECK_OK(call.Finish());
}

TEST_CASE_METHOD(Conformance, "an empty answer") {
  Serve(Answer({""}));
  auto call = Call(kUnary);
  CHECK_OK(call.Exchange({Sent()}));
  CHECK(call.answers() == Messages{""});
}

TEST_CASE_METHOD(Conformance, "empty messages after the first") {
  Serve(Echo);
  auto call = Call(kBidi);
  CHECK_OK(call.Exchange({Sent(), "", "", ""}));
  CHECK(call.answers() == Messages{Seen(), "", "", ""});
}

TEST_CASE_METHOD(Conformance, "no answer at all and OK") {
  Serve(Answer({}));
  auto call = Call(kServerStream);
  CHECK_OK(call.Exchange({Sent()}));
  CHECK(call.answers().empty());
}

TEST_CASE_METHOD(Conformance, "an empty request names no repository", "[praefect]") {
  Serve(Echo);
  auto call = Call(kUnary);
  CHECK_STATUS(call.Exchange({""}), grpc::StatusCode::INVALID_ARGUMENT, "repository not set");
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "a client stream without a message names no repository",
                 "[praefect]") {
  Serve(Answer({"done"}));
  const auto method = GENERATE(as<std::string>(), kClientStream, kBidi, kServerStream, kUnary);
  auto call = Call(method);
  CHECK_STATUS(call.Exchange({}), grpc::StatusCode::INVALID_ARGUMENT, "repository not set");
  CHECK(node_calls() == 0);
}

TEST_CASE_METHOD(Conformance, "10,000 small messages each way") {
  Serve(Echo);
  Messages sent{Sent("first")}, expected{Seen("first")};
  for (uint32_t i = 1; i < 10'000; ++i) {
    sent.push_back(Pattern(i % 50, i));
    expected.push_back(sent.back());
  }
  auto call = Call(kBidi);
  CHECK_OK(call.Exchange(sent));
  CHECK((call.answers() == expected));
}

TEST_CASE_METHOD(Conformance, "messages of sizes around frames and windows") {
  Serve(Echo);
  Messages sent{Sent()}, expected{Seen()};
  for (const size_t size : {16'378, 16'379, 16'380, 65'530, 65'535, 65'536, 262'144, 1'048'577}) {
    sent.push_back(Pattern(size));
    expected.push_back(sent.back());
  }
  auto call = Call(kBidi);
  CHECK_OK(call.Exchange(sent));
  CHECK((call.answers() == expected));
}

TEST_CASE_METHOD(Conformance, "a node that answers before the client half-closed") {
  Serve([](NodeCall& call) {
    call.Read();
    call.Write("enough");
    call.Finish({grpc::StatusCode::ALREADY_EXISTS, "no more please"});
  });
  auto call = Call(kBidi);
  call.Start().Write(Sent());
  CHECK(call.Read() == "enough");
  CHECK_FALSE(call.Read());
  CHECK_STATUS(call.Finish(), grpc::StatusCode::ALREADY_EXISTS, "no more please");
}

TEST_CASE_METHOD(Conformance, "a node that refuses while the client floods it") {
  Serve([](NodeCall& call) {
    call.Read();
    call.Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "pack too large"});
  });
  auto call = Call(kBidi);
  call.Start().Write(Sent());
  const std::string part = Pattern(64 << 10);
  while (call.Write(part)) {
  }
  CHECK_STATUS(call.Finish(), grpc::StatusCode::RESOURCE_EXHAUSTED, "pack too large");
}

TEST_CASE_METHOD(Conformance, "a client that half-closes early still gets everything") {
  Serve([](NodeCall& call) {
    while (call.Read()) {
    }
    for (int i = 0; i < 200; ++i) call.Write(Pattern(10'000, i));
  });
  auto call = Call(kBidi);
  call.Start().Write(Sent());
  call.HalfClose();
  CHECK(node().SeenWhen(0, [](const SeenCall& seen) { return seen.half_closed; }).half_closed);
  for (int i = 0; i < 200; ++i) CHECK((call.Read() == Pattern(10'000, i)));
  CHECK_FALSE(call.Read());
  CHECK_OK(call.Finish());
}

}  // namespace
}  // namespace praefect::test
