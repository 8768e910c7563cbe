// Deadlines and cancellation.

#include <thread>

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

using grpc::StatusCode;
using std::chrono::milliseconds;
using std::chrono::seconds;

bool Over(const SeenCall& call) { return call.over; }

TEST_CASE_METHOD(Conformance, "the node sees the client's deadline") {
  Serve(Echo);
  const auto timeout = GENERATE(seconds(15), seconds(700), seconds(90'000));
  auto call = Call(kUnary);
  CHECK_OK(call.Within(timeout).Exchange({Sent()}));
  const auto left = node().Seen().time_left;
  REQUIRE(left);
  // gRPC rounds up: to whole hours where a deadline is far away.
  CHECK(*left <= timeout * 21 / 20 + seconds(1));
  CHECK(*left > timeout * 9 / 10 - seconds(5));
}

TEST_CASE_METHOD(Conformance, "without a deadline the node sees none") {
  Serve(Echo);
  auto call = Call(kUnary);
  CHECK_OK(call.Exchange({Sent()}));
  CHECK_FALSE(node().Seen().time_left);
}

TEST_CASE_METHOD(Conformance, "a hanging node does not outlive the deadline") {
  const bool with_headers = GENERATE(false, true);
  Serve([with_headers](NodeCall& call) {
    if (with_headers) call.SendHeaders();
    Hang(call);
  });
  auto call = Call(kServerStream);
  const grpc::Status status = call.Within(milliseconds(300)).Exchange({Sent()});
  CHECK(status.error_code() == StatusCode::DEADLINE_EXCEEDED);
  CHECK(node().SeenWhen(0, Over).cancelled);
}

TEST_CASE_METHOD(Conformance, "the deadline is enforced for a client that does not", "[praefect]") {
  ServeRaw([](RawStream& stream) { stream.ReadReset(); });  // else: a failure of the script
  RawClient client(address());
  const uint32_t stream = client.Open(kServerStream, Authorized({{"grpc-timeout", "200m"}}));
  client.connection().SendMessage(stream, Sent(), true);
  CHECK(client.Answer(stream).grpc_status() == "4");
}

TEST_CASE_METHOD(Conformance, "a deadline that passes between messages") {
  Serve([](NodeCall& call) {
    call.Write("one");
    Hang(call);
  });
  auto call = Call(kServerStream);
  CHECK(call.Within(milliseconds(400)).Exchange({Sent()}).error_code() ==
        StatusCode::DEADLINE_EXCEEDED);
  CHECK(call.answers().size() == 1);
}

TEST_CASE_METHOD(Conformance, "the node sees that the client cancelled") {
  Serve(Hang);
  auto call = Call(GENERATE(as<std::string>(), kUnary, kServerStream, kClientStream, kBidi));
  call.Start().Write(Sent());
  node().Seen();
  call.Cancel();
  CHECK(call.Finish().error_code() == StatusCode::CANCELLED);
  CHECK(node().SeenWhen(0, Over).cancelled);
}

TEST_CASE_METHOD(Conformance, "the node sees a cancellation amid messages") {
  Serve(Echo);
  auto call = Call(kBidi);
  call.Start().Write(Sent());
  CHECK(call.Read() == Seen());
  call.Cancel();
  CHECK(call.Finish().error_code() == StatusCode::CANCELLED);
  CHECK(node().SeenWhen(0, Over).cancelled);
}

TEST_CASE_METHOD(Conformance, "a client that vanishes cancels its calls") {
  Serve(Hang);
  {
    RawClient client(address());
    const uint32_t stream = client.Open(kServerStream, Authorized());
    client.connection().SendMessage(stream, Sent());
    node().Seen();
  }
  CHECK(node().SeenWhen(0, Over).cancelled);
}

TEST_CASE_METHOD(Conformance, "a cancellation before the first message reaches no node",
                 "[praefect]") {
  Serve(Echo);
  auto cancelled = Call(kBidi);
  cancelled.Start().Cancel();
  CHECK(cancelled.Finish().error_code() == StatusCode::CANCELLED);
  auto next = Call(kUnary);
  CHECK_OK(next.Exchange({Sent("next")}));
  CHECK(node_calls() == 1);
}

TEST_CASE_METHOD(Conformance, "a cancellation reaches a raw node as CANCEL") {
  std::atomic<uint32_t> code{~0u};
  ServeRaw([&code](RawStream& stream) {
    stream.ReadMessage();
    code = stream.ReadReset();
  });
  RawClient client(address());
  const uint32_t stream = client.Open(kBidi, Authorized());
  client.connection().SendMessage(stream, Sent());
  while (node_calls() == 0) std::this_thread::yield();
  client.connection().Reset(stream, kCancel);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (code == ~0u && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(code == kCancel);
}

}  // namespace
}  // namespace praefect::test
