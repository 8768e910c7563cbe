#include "http2/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "unit/http2/pair.h"

namespace praefect::http2 {
namespace {

void AnswerOk(Ear& ear) {
  ear.stream->SendHeaders(Fields({{":status", "200"}}), false);
  ear.stream->SendTrailers(Fields({{"grpc-status", "0"}}));
}

TEST_CASE("a request with a body is answered with headers, data and trailers") {
  Pair pair;
  pair.server.on_request = [&](Ear& ear) {
    ear.on_end = [&] {
      ear.stream->SendHeaders(Fields({{":status", "200"}}), false);
      ear.stream->SendData(pair.Bytes("pong " + ear.body));
      ear.stream->SendTrailers(Fields({{"grpc-status", "0"}}));
    };
  };
  Ear ear;
  Stream* stream = pair.Open(ear, false);
  stream->SendData(pair.Bytes("ping"));
  stream->SendEnd();
  pair.RunUntil([&] { return ear.closed; });
  CHECK(ear.headers.Get(":status") == "200");
  CHECK(ear.body == "pong ping");
  CHECK(ear.trailers.Get("grpc-status") == "0");
}

TEST_CASE("a trailers-only answer arrives as headers that end the stream") {
  Pair pair;
  pair.server.on_request = [](Ear& ear) {
    ear.stream->SendHeaders(Fields({{":status", "200"}, {"grpc-status", "5"}}), true);
  };
  Ear ear;
  pair.Open(ear, true);
  pair.RunUntil([&] { return ear.closed; });
  CHECK(ear.ended);
  CHECK(ear.headers.Get("grpc-status") == "5");
}

TEST_CASE("a server that is done before its client says so with NO_ERROR") {
  Pair pair;
  pair.server.on_request = AnswerOk;
  Ear ear;
  pair.Open(ear, false);
  pair.RunUntil([&] { return ear.closed; });
  CHECK(ear.trailers.Get("grpc-status") == "0");
  CHECK(ear.closure.error_code == kNoError);
  CHECK_FALSE(ear.closure.never_taken);
}

TEST_CASE("a receiver that gives no credit gets one window, and no other stream suffers") {
  ConnectionOptions options;
  options.stream_window = 1'000;
  options.connection_window = 2'000'000;
  Pair pair(options);
  pair.server.on_request = [](Ear& ear) { ear.credit = ear.headers.Get("stall").empty(); };
  Ear stalled, other;
  HeaderList request = Request();
  request.Add("stall", "yes");
  stalled.stream = pair.client.connection->Open(std::move(request), false, stalled);
  stalled.stream->SendData(pair.Bytes(std::string(50'000, 's')));
  pair.Open(other, false)->SendData(pair.Bytes(std::string(50'000, 'o')));
  pair.RunUntil(
      [&] { return pair.server.ears.size() == 2 && pair.server.ears[1]->body.size() == 50'000; });
  CHECK(pair.server.ears[0]->body.size() == 1'000);
  CHECK(stalled.drained == 1'000);
}

TEST_CASE("windows of one byte still carry everything") {
  ConnectionOptions options;
  options.stream_window = 1;
  Pair pair(options);
  Ear ear;
  pair.Open(ear, false)->SendData(pair.Bytes("slowly but surely"));
  pair.RunUntil(
      [&] { return !pair.server.ears.empty() && pair.server.ears[0]->body.size() == 17; });
  CHECK(pair.server.ears[0]->body == "slowly but surely");
}

TEST_CASE("a reset reaches the other side with its code") {
  Pair pair;
  pair.server.on_request = [](Ear& ear) { ear.stream->Reset(kRefusedStream); };
  Ear ear;
  pair.Open(ear, false);
  pair.RunUntil([&] { return ear.closed; });
  CHECK(ear.closure.error_code == kRefusedStream);
  CHECK(ear.closure.never_taken);
}

TEST_CASE("a stream that is reset before its headers left costs nothing") {
  Pair pair;
  Ear ear, later;
  pair.Open(ear, false)->Reset(kCancel);
  pair.server.on_request = AnswerOk;
  pair.Open(later, true);
  pair.RunUntil([&] { return later.closed; });
  CHECK(pair.server.ears.size() == 1);
  CHECK_FALSE(ear.closed);  // nobody listens after Reset
}

TEST_CASE("unsent data can be taken back when a stream ends") {
  ConnectionOptions options;
  options.stream_window = 10;
  Pair pair(options);
  pair.server.on_request = [](Ear& ear) { ear.credit = false; };
  Ear ear;
  pair.Open(ear, false)->SendData(pair.Bytes("0123456789abcdef"));
  pair.RunUntil([&] { return ear.drained == 10; });
  CHECK(ear.stream->TakeUnsent().bytes() == 6);
}

TEST_CASE("a lost connection tells which streams it never took") {
  Pair pair;
  Ear sent, unsent;
  pair.Open(sent, false);
  pair.RunUntil([&] { return pair.server.ears.size() == 1; });
  pair.loop.Post(
      [&] {  // in one round: opened, and the connection closed before anything is written
        pair.Open(unsent, false);
        pair.client.connection->Close("test");
      });
  pair.RunUntil([&] { return unsent.closed; });
  CHECK(sent.closure.connection_lost);
  CHECK_FALSE(sent.closure.never_taken);
  CHECK(unsent.closure.never_taken);
}

TEST_CASE("trailers need no window, also when the data used up the last of it") {
  ConnectionOptions client_options;
  client_options.stream_window = 10;
  Pair pair({}, client_options);
  pair.server.on_request = [&](Ear& ear) {
    ear.stream->SendHeaders(Fields({{":status", "200"}}), false);
    ear.stream->SendData(pair.Bytes("0123456789"));
  };
  Ear ear;
  ear.credit = false;
  pair.Open(ear, true);
  pair.RunUntil([&] { return ear.body.size() == 10; });
  pair.server.ears[0]->stream->SendTrailers(Fields({{"grpc-status", "0"}}));
  pair.RunUntil([&] { return ear.ended; });
  CHECK(ear.trailers.Get("grpc-status") == "0");
}

TEST_CASE("what a peer said before it went away is heard, also when writing fails first") {
  Pair pair;
  pair.server.on_request = [&](Ear& ear) {
    ear.stream->SendHeaders(Fields({{":status", "200"}}), false);
    ear.stream->SendData(pair.Bytes("last words"));
    pair.loop.Post([&] { pair.server.connection.reset(); });  // after the round that sends them
  };
  Ear ear;
  Stream* stream = pair.Open(ear, false);
  pair.RunUntil([&] { return pair.server.connection == nullptr; });
  if (!ear.closed) stream->SendData(pair.Bytes("too late"));
  pair.RunUntil([&] { return ear.closed; });
  CHECK(ear.body == "last words");
  CHECK(ear.closure.connection_lost);
}

TEST_CASE("a graceful shutdown lets the open stream finish and takes no new one") {
  Pair pair;
  Ear ear;
  pair.Open(ear, false);
  pair.RunUntil([&] { return pair.server.ears.size() == 1; });
  pair.server.connection->GracefulShutdown();
  pair.RunUntil([&] { return pair.client.goaway; });
  Ear late;
  CHECK(pair.client.connection->Open(Request(), true, late) == nullptr);
  AnswerOk(*pair.server.ears[0]);
  pair.RunUntil([&] { return ear.closed && pair.server.connection == nullptr; });
  CHECK(ear.trailers.Get("grpc-status") == "0");
  CHECK(pair.server.closure.kind == ConnectionClosure::Kind::kDone);
}

TEST_CASE("a shutdown waits a moment, and no longer, for a client that never spoke") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  Pair pair;
  End silent;
  silent.connection = pair.Make(silent, Connection::Side::kServer, ends[0], {});
  silent.connection->GracefulShutdown();
  pair.RunUntil([&] { return silent.connection == nullptr; });
  CHECK(silent.closure.kind == ConnectionClosure::Kind::kLocal);
  close(ends[1]);
}

TEST_CASE("who is just connecting when a shutdown begins is answered, and then told to leave") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  Pair pair;
  End server, client;
  server.on_request = [&](Ear& ear) { AnswerOk(ear); };
  server.connection = pair.Make(server, Connection::Side::kServer, ends[0], {});
  server.connection->GracefulShutdown();
  client.connection = pair.Make(client, Connection::Side::kClient, ends[1], {});
  Ear ear;
  ear.stream = client.connection->Open(Request(), true, ear);
  pair.RunUntil([&] { return ear.closed && server.connection == nullptr; });
  CHECK(ear.trailers.Get("grpc-status") == "0");
  CHECK(client.goaway);
}

TEST_CASE("more header fields than allowed are cut and said") {
  ConnectionOptions options;
  options.max_header_fields = 3;
  Pair pair(options);
  Ear ear;
  pair.Open(ear, true);
  pair.RunUntil([&] { return pair.server.ears.size() == 1; });
  CHECK(pair.server.headers_too_large);
  CHECK(pair.server.ears[0]->headers.size() == 3);
}

TEST_CASE("more header bytes than allowed are cut and said") {
  ConnectionOptions options;
  options.max_header_list_bytes = 300;
  Pair pair(options);
  Ear ear;
  HeaderList request = Request();
  request.Add("x", std::string(300, 'x'));
  ear.stream = pair.client.connection->Open(std::move(request), true, ear);
  pair.RunUntil([&] { return pair.server.ears.size() == 1; });
  CHECK(pair.server.headers_too_large);
  CHECK(pair.server.ears[0]->headers.size() == 4);
}

TEST_CASE("an answer with too many fields resets the stream: its status may have been cut") {
  ConnectionOptions client_options;
  client_options.max_header_fields = 2;
  Pair pair({}, client_options);
  pair.server.on_request = [](Ear& ear) {
    ear.stream->SendHeaders(Fields({{":status", "200"}, {"a", "b"}, {"grpc-status", "0"}}), true);
  };
  Ear ear;
  pair.Open(ear, true);
  pair.RunUntil([&] { return ear.closed; });
  CHECK(ear.closure.error_code == kEnhanceYourCalm);
  CHECK_FALSE(ear.ended);
}

TEST_CASE("a flood of pings ends the connection") {
  ConnectionOptions options;
  options.floods.pings_per_second = 1;  // bursts of ten
  Pair pair(options);
  for (int i = 0; i < 12; i++) pair.client.connection->Ping([] {});
  pair.RunUntil([&] { return pair.server.connection == nullptr; });
  CHECK(pair.server.closure.kind == ConnectionClosure::Kind::kFlood);
  CHECK(pair.server.closure.cause == "too many PING frames");
}

TEST_CASE("the first bytes tell common mistakes apart") {
  auto send = [](const std::string& bytes) {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    Pair pair;
    pair.server.connection = pair.Make(pair.server, Connection::Side::kServer, ends[0], {});
    REQUIRE(write(ends[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    pair.RunUntil([&] { return pair.server.connection == nullptr; });
    char answer[256] = {};
    ssize_t n = read(ends[1], answer, sizeof answer - 1);
    close(ends[1]);
    return std::pair(pair.server.closure.kind,
                     std::string(answer, n > 0 ? static_cast<size_t>(n) : 0));
  };
  using Kind = ConnectionClosure::Kind;
  auto [http1, text] = send("GET / HTTP/1.1\r\n\r\n");
  CHECK(http1 == Kind::kHttp1);
  CHECK(text.find("HTTP/1.1 400") != std::string::npos);
  CHECK(send("\x16\x03\x01").first == Kind::kTls);
  CHECK(send(std::string("\0\0", 2)).first == Kind::kNotHttp2);
}

// A server whose client writes what the test says and never reads.
struct DeafClient {
  explicit DeafClient(Pair& pair, const ConnectionOptions& options) : pair(pair) {
    int ends[2], small = 4'096;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    fd = ends[1];
    end.connection = pair.Make(end, Connection::Side::kServer, ends[0], options);
    Write(std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string("\0\0\0\4\0\0\0\0\0", 9));
  }
  ~DeafClient() { end.connection.reset(), close(fd); }
  void Write(const std::string& bytes) {
    REQUIRE(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  // POST http x /, the end of the request too.
  static std::string Headers(uint32_t stream) {
    std::string frame("\0\0\6\1\5\0\0\0\0\x83\x86\x84\x41\x01x", 15);
    for (int i = 0; i < 4; i++) frame[5 + i] = static_cast<char>(stream >> (24 - 8 * i));
    return frame;
  }

  Pair& pair;
  End end;
  int fd;
};

TEST_CASE("a stream may be reset while a frame of it waits for room in the output") {
  ConnectionOptions wide;
  wide.stream_window = wide.connection_window = 16 << 20;
  Pair pair(wide);
  Ear ear, after;
  pair.Open(ear, false);
  for (int i = 0; i < 256; i++) ear.stream->SendData(pair.Bytes(std::string(16 << 10, 'x')));
  pair.RunUntil([&] { return ear.drained > 0; });
  REQUIRE(ear.stream->queued_bytes() > 0);
  size_t drained = ear.drained;
  ear.stream->Reset(kCancel);
  pair.server.on_request = AnswerOk;
  pair.Open(after, true);
  pair.RunUntil([&] { return after.closed; });
  const std::string& body = pair.server.ears[0]->body;
  CHECK(body.size() <= drained + (16 << 10));
  CHECK(body.find_first_not_of('x') == std::string::npos);
}

TEST_CASE("what is unsent can be dropped while a frame of it waits for room in the output") {
  ConnectionOptions wide;
  wide.stream_window = wide.connection_window = 16 << 20;
  Pair pair({}, wide);
  pair.server.on_request = [&](Ear& ear) {
    ear.stream->SendHeaders(Fields({{":status", "200"}}), false);
    ear.stream->SendData(pair.Bytes(std::string(4 << 20, 'x')));
  };
  Ear ear;
  pair.Open(ear, true);
  pair.RunUntil([&] { return !pair.server.ears.empty() && pair.server.ears[0]->drained > 0; });
  Ear& answer = *pair.server.ears[0];
  REQUIRE(answer.stream->queued_bytes() > 0);
  answer.stream->DropUnsent();
  answer.stream->SendTrailers(Fields({{"grpc-status", "4"}}));
  pair.RunUntil([&] { return ear.closed; });
  CHECK(ear.trailers.Get("grpc-status") == "4");
  CHECK(ear.body.size() == answer.drained);
  CHECK(ear.body.find_first_not_of('x') == std::string::npos);
}

TEST_CASE("headers and trailers need no window, also when they are sent in one round") {
  ConnectionOptions client_options;
  client_options.stream_window = 0;
  Pair pair({}, client_options);
  pair.server.on_request = AnswerOk;
  Ear ear;
  pair.Open(ear, true);
  pair.RunUntil([&] { return ear.closed; });
  CHECK(ear.trailers.Get("grpc-status") == "0");
}

TEST_CASE("a stream that waits for its turn is given back when the peer says GOAWAY") {
  ConnectionOptions one;
  one.max_concurrent_streams = 1;
  Pair pair(one);
  Ear open, waiting;
  pair.Open(open, false);
  pair.RunUntil([&] { return pair.server.ears.size() == 1; });
  pair.Open(waiting, true);
  pair.server.connection->GracefulShutdown();
  pair.RunUntil([&] { return waiting.closed; });
  CHECK(waiting.closure.never_taken);
  CHECK_FALSE(open.closed);
  AnswerOk(*pair.server.ears[0]);
  pair.RunUntil([&] { return open.closed; });
  CHECK(pair.server.ears.size() == 1);
}

TEST_CASE("output for a client that stopped reading lets go of receive blocks") {
  Pair pair;
  DeafClient client(pair, {});
  client.end.on_request = [&](Ear& ear) {
    ear.stream->SendHeaders(Fields({{":status", "200"}}), false);
    for (int i = 0; i < 100; i++) {
      Block* block = pair.buffers.receive.Get();
      ear.stream->SendData(Slice(block, block->data(), 600));
      BlockPool::Release(block);
    }
  };
  client.Write(DeafClient::Headers(1));
  pair.RunUntil([&] { return client.end.ears.size() == 1; });
  int64_t before = pair.meter.bytes;
  pair.RunUntil([&] { return pair.meter.bytes < before / 10; });
  CHECK(client.end.connection->output_bytes() > 10'000);
}

TEST_CASE("a client that makes us answer and never reads is not answered for ever") {
  Pair pair;
  ConnectionOptions options;
  options.max_concurrent_streams = 10;
  options.max_output_bytes = 1'000;
  DeafClient client(pair, options);
  std::string flood;
  for (uint32_t i = 0; i < 5'000; i++) flood += DeafClient::Headers(2 * i + 1);
  client.Write(flood);
  pair.RunUntil([&] { return client.end.connection == nullptr; });
  CHECK(client.end.closure.kind == ConnectionClosure::Kind::kFlood);
  CHECK(client.end.closure.limit == "queued_frames");
}

TEST_CASE("streams beyond the limit are counted, with what becomes of the connection") {
  Pair pair;
  ConnectionOptions options;
  options.max_concurrent_streams = 2;
  DeafClient client(pair, options);
  client.end.on_request = [](Ear&) {};
  client.Write(DeafClient::Headers(1) + DeafClient::Headers(3));
  pair.RunUntil([&] { return client.end.ears.size() == 2; });
  CHECK(client.end.connection->streams_refused() == 0);
  client.Write(DeafClient::Headers(5));
  pair.RunUntil([&] { return client.end.connection->streams_refused() == 1; });
}

TEST_CASE("a stalled stream lets go of receive blocks that hold little of it") {
  ConnectionOptions options;
  options.stream_window = 100;
  Pair pair(options);
  pair.server.on_request = [](Ear& ear) { ear.credit = false; };
  Ear ear;
  Stream* stream = pair.Open(ear, false);
  for (int i = 0; i < 50; i++) {
    Block* block = pair.buffers.receive.Get();
    stream->SendData(Slice(block, block->data(), 10));
    BlockPool::Release(block);
  }
  int64_t before = pair.meter.bytes;
  pair.RunUntil([&] { return pair.meter.bytes < before / 10; });
  CHECK(stream->queued_bytes() == 400);
}

TEST_CASE("a header list above 64 KiB is sent like every other") {
  ConnectionOptions options;
  options.max_header_list_bytes = 256 << 10;
  Pair pair(options);
  HeaderList request = Request();
  for (int i = 0; i < 100; i++) request.Add("name", std::string(1'000, 'a'));
  Ear ear;
  ear.stream = pair.client.connection->Open(std::move(request), true, ear);
  pair.RunUntil([&] { return ear.closed || pair.server.ears.size() == 1; });
  REQUIRE(pair.server.ears.size() == 1);
  CHECK(pair.server.ears[0]->headers.size() == 104);
}

TEST_CASE("a reader that takes a byte now and then has stalled as well") {
  ConnectionOptions options;
  options.stream_window = 2;
  Pair pair(options);
  pair.server.on_request = [](Ear& ear) { ear.credit = false; };
  Ear ear;
  Stream* stream = pair.Open(ear, false);
  for (int i = 0; i < 50; i++) {
    Block* block = pair.buffers.receive.Get();
    stream->SendData(Slice(block, block->data(), 10));
    BlockPool::Release(block);
  }
  pair.RunUntil([&] { return pair.server.ears.size() == 1; });
  net::Timer reader(pair.loop, [&] {
    pair.server.ears[0]->stream->Credit(1);
    reader.Start(20);
  });
  reader.Start(20);
  const int64_t before = pair.meter.bytes;
  pair.RunUntil([&] { return pair.meter.bytes < before / 10; });
  CHECK(stream->queued_bytes() > 0);
}

}  // namespace
}  // namespace praefect::http2
