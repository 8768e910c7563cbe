// Nothing silent: a limit that was hit has a counter that says so.

#include <fmt/format.h>

#include <functional>
#include <list>

#include "integration/conformance/fixture.h"

namespace praefect::test {
namespace {

struct Limits : Conformance {
  Limits() {
    options().keys = "prometheus_listen_addr = \"127.0.0.1:0\"";
    options().limits =
        "max_health_watches = 1\nmax_first_message_bytes = 2000\nmax_streams_per_connection = 2\n"
        "max_resets_per_second = 1\nmax_pings_per_second = 1\nmax_settings_per_second = 1\n"
        "max_buffered_bytes = 1048576\n";
  }

  std::string Counter(const std::string& limit) const {
    return fmt::format("gitaly_praefect_limit_hits_total{{limit=\"{}\"}} ", limit);
  }
  // Also when it is counted as late as its connection closes.
  void CheckHit(const std::string& limit) {
    CHECK(Eventually([&] {
      const std::string page = praefect().MetricsPage();
      return page.find(Counter(limit)) != std::string::npos &&
             page.find(Counter(limit) + "0\n") == std::string::npos;
    }));
  }
};

// More than the rate allows at once.
void Repeat(const std::function<void()>& send) {
  for (int i = 0; i < 30; ++i) send();
}

struct Row {
  std::string limit;
  std::function<void(RawClient&, const Fields& authorized)> hit;
};

const Row kRows[] = {
    {"first_message",
     [](RawClient& client, const Fields& fields) {
       const uint32_t stream = client.Open(kUnary, fields);
       client.connection().SendData(stream, GrpcFrame(std::string(2'001, 'x')));
       CHECK(client.Answer(stream).grpc_status() == "8");
     }},
    {"headers",
     [](RawClient& client, const Fields& fields) {
       Fields many = fields;
       for (int i = 0; i < 300; ++i) many.emplace_back("name-" + std::to_string(i), "value");
       CHECK(client.Answer(client.Open(kUnary, many)).grpc_status() == "8");
     }},
    {"status_message",
     [](RawClient& client, const Fields& fields) {
       CHECK(client.Answer(client.Open("/" + std::string(3'000, 'x'), fields)).grpc_status() ==
             "12");
     }},
    {"streams",
     [](RawClient& client, const Fields& fields) {
       for (int i = 0; i < 3; ++i) client.Open(kUnary, fields);
     }},
    {"health_watches",
     [](RawClient& client, const Fields&) {
       for (int i = 0; i < 2; ++i) {
         const uint32_t stream = client.Open("/grpc.health.v1.Health/Watch");
         client.connection().SendMessage(stream, "", true);
         if (i == 1) CHECK(client.Answer(stream).grpc_status() == "8");
       }
     }},
    {"resets",
     [](RawClient& client, const Fields& fields) {
       Repeat([&] { client.connection().Reset(client.Open(kUnary, fields), kCancel); });
       client.connection().ExpectEnd();
     }},
    {"pings",
     [](RawClient& client, const Fields&) {
       Repeat([&] { client.connection().Send(FrameType::kPing, 0, 0, "8 bytes."); });
       client.connection().ExpectEnd();
     }},
    {"settings",
     [](RawClient& client, const Fields&) {
       Repeat([&] { client.connection().SendSettings({}); });
       client.connection().ExpectEnd();
     }},
    {"empty_frames",
     [](RawClient& client, const Fields& fields) {
       const uint32_t stream = client.Open(kUnary, fields);
       for (int i = 0; i < 1'500; ++i) client.connection().SendData(stream, "");
       client.connection().ExpectEnd();
     }},
};

TEST_CASE_METHOD(Limits, "a limit that a client hits is counted", "[praefect]") {
  const size_t index = GENERATE(range(size_t{0}, std::size(kRows)));
  const Row& row = kRows[index];
  INFO(row.limit);
  Serve(Echo);
  CHECK_THAT(praefect().MetricsPage(), Catch::Contains(Counter(row.limit) + "0\n"));
  {
    RawClient client(address());
    row.hit(client, Authorized());
  }
  CheckHit(row.limit);
}

TEST_CASE_METHOD(Limits, "a call that no attempt gets through is counted", "[praefect]") {
  ServeRaw([](RawStream& stream) { stream.Reset(kRefusedStream); });
  CHECK(Call(kUnary).Exchange({Sent()}).error_code() == grpc::StatusCode::UNAVAILABLE);
  CheckHit("attempts");
}

TEST_CASE_METHOD(Limits, "calls that find the buffers full are counted", "[praefect]") {
  options().limits = "max_buffered_bytes = 1048576";
  Serve(Echo);
  RawClient client(address());
  const uint32_t first = client.Open(kUnary, Authorized());
  client.connection().SendData(first, GrpcFrame(Sent()), true);
  CHECK(client.Answer(first).grpc_status() == "0");  // the windows are known
  const std::string begun = std::string("\0\0\x3f\0\0", 5) + std::string(250'000, 'x');
  for (int i = 0; i < 5; ++i) {
    client.connection().SendData(client.Open(kUnary, Authorized()), begun);
  }
  CheckHit("buffers");
}

TEST_CASE_METHOD(Limits, "a first message that does not come is not waited for", "[praefect]") {
  options().limits = "first_message_timeout = \"100ms\"";
  Serve(Echo);
  RawClient client(address());
  const uint32_t half = client.Open(kUnary, Authorized());
  client.connection().SendData(half, GrpcFrame("more to come").substr(0, 9));
  CHECK(client.Answer(half).grpc_status() == "4");
  CHECK(client.Answer(client.Open(kUnary, Authorized())).grpc_status() == "4");
  CHECK(client.Answer(client.Open(kHealthCheck)).grpc_status() == "4");  // without a token, too
  CheckHit("first_message_time");
}

TEST_CASE_METHOD(Limits, "a client that connects and says nothing is counted", "[praefect]") {
  options().limits = "http2_handshake_timeout = \"100ms\"";
  Serve(Echo);
  Socket silent = Dial(address());
  CheckHit("handshake");
}

TEST_CASE_METHOD(Limits, "a client that answers no PING is taken for gone, and its call ends",
                 "[praefect]") {
  options().limits =  // the first look is at the end of the handshake's time
      "http2_handshake_timeout = \"2s\"\nconnection_ping_after = \"100ms\"\n"
      "connection_ping_timeout = \"100ms\"";
  Serve(Echo);
  RawClient client(address());
  client.connection().SendMessage(client.Open(kBidi, Authorized()), Sent());
  CheckHit("connection_pings");  // nobody reads what Praefect sends
  client.connection().ReadToEnd();
  CHECK(client.connection().ended());
}

TEST_CASE_METHOD(Limits, "a client without a call leaves after connection_idle_timeout",
                 "[praefect]") {
  options().limits = "connection_idle_timeout = \"1s\"";
  Serve(Echo);
  RawClient client(address());
  const uint32_t stream = client.Open(kBidi, Authorized());
  client.connection().SendMessage(stream, Sent());
  client.connection().Expect(FrameType::kData, stream);
  while (const auto frame = client.connection().Next(std::chrono::milliseconds(1'500))) {
    CHECK(frame->type != FrameType::kGoaway);  // it has a call
  }
  client.connection().SendMessage(stream, "", true);
  CHECK(client.Answer(stream).grpc_status() == "0");
  CHECK(client.connection().Expect(FrameType::kGoaway, 0).error_code() == kNoError);
  client.connection().ExpectEnd();
  CheckHit("connection_idle");
}

TEST_CASE_METHOD(Limits, "a client leaves at max_connection_age, and its open call goes on",
                 "[praefect]") {
  options().limits = "max_connection_age = \"2s\"";
  Serve(Echo);
  RawClient client(address());
  const uint32_t stream = client.Open(kBidi, Authorized());
  client.connection().SendMessage(stream, Sent());
  CHECK(client.connection().Expect(FrameType::kGoaway, 0).error_code() == kNoError);
  CheckHit("connection_age");
  client.connection().SendMessage(stream, "late", true);
  CHECK(client.Answer(stream).grpc_status() == "0");
  client.connection().ExpectEnd();
}

TEST_CASE_METHOD(Limits, "clients that stream share lanes when there are more of them",
                 "[praefect]") {
  options().keys += "\nworkers = 1";
  Serve(Echo);
  std::list<RawClient> clients;
  for (int i = 0; i < 17; ++i) {
    RawClient& client = clients.emplace_back(address());
    const uint32_t stream = client.Open(kBidi, Authorized());
    client.connection().SendMessage(stream, Sent());
    client.connection().Expect(FrameType::kData, stream);
  }
  CheckHit("lanes");
}

TEST_CASE_METHOD(Limits, "a client that is one too many is counted", "[praefect]") {
  options().limits = "max_connections = 5";
  Serve(Echo);
  std::vector<Socket> sockets;
  for (int i = 0; i < 10; ++i) sockets.push_back(Dial(address()));
  CheckHit("connections");
}

}  // namespace
}  // namespace praefect::test
