// Each rule of RFC 9113 that a peer may break, and what becomes of it.

#include "unit/http2/raw_peer.h"

namespace praefect::http2 {
namespace {

using Side = Connection::Side;
using std::string;

constexpr uint8_t kEndHeaders = kFlagEndHeaders;

struct Row {
  const char* rule;
  uint32_t error_code;
  string frames;
};

// On stream 1 there is an open request; 3 is idle, 2 could only be a push.
const Row kEndsServerConnection[] = {
    {"a frame above 16 KiB", kFrameSizeError, FrameOf(FrameType::kData, 0, 1, string(16'385, 'x'))},
    {"DATA of the connection", kProtocolError, FrameOf(FrameType::kData, 0, 0, "x")},
    {"DATA of an idle stream", kProtocolError, FrameOf(FrameType::kData, 0, 3, "x")},
    {"DATA with too much padding", kProtocolError,
     FrameOf(FrameType::kData, kFlagPadded, 1,
             "\x05"
             "four")},
    {"the end of a stream with too much padding", kProtocolError,
     FrameOf(FrameType::kData, kFlagPadded | kFlagEndStream, 1, "\x05")},
    {"padded DATA without content", kFrameSizeError, FrameOf(FrameType::kData, kFlagPadded, 1)},
    {"the end of a stream, padded without content", kFrameSizeError,
     FrameOf(FrameType::kData, kFlagPadded | kFlagEndStream, 1)},
    {"HEADERS of the connection", kProtocolError, Ask(0, RequestBlock(), true)},
    {"HEADERS of a stream that a server opens", kProtocolError, Ask(2, RequestBlock(), true)},
    {"HEADERS with too much padding", kProtocolError,
     FrameOf(FrameType::kHeaders, kEndHeaders | kFlagPadded, 3, "\x7f" + RequestBlock())},
    {"padded HEADERS without content", kFrameSizeError,
     FrameOf(FrameType::kHeaders, kEndHeaders | kFlagPadded, 3)},
    {"HEADERS without room for the priority", kFrameSizeError,
     FrameOf(FrameType::kHeaders, kEndHeaders | kFlagPriority, 3, "1234")},
    {"a frame amid a header block", kProtocolError,
     FrameOf(FrameType::kHeaders, 0, 3, RequestBlock()) +
         FrameOf(FrameType::kPing, 0, 0, "8 bytes.")},
    {"CONTINUATION of another stream", kProtocolError,
     FrameOf(FrameType::kHeaders, 0, 3) + FrameOf(FrameType::kContinuation, kEndHeaders, 5)},
    {"CONTINUATION of nothing", kProtocolError, FrameOf(FrameType::kContinuation, kEndHeaders, 1)},
    {"a header block that is no HPACK", kCompressionError, Ask(3, "\x80", true)},
    {"a header block that ends inside a field", kCompressionError,
     Ask(3,
         string("\0\x05"
                "ab",
                4),
         true)},
    {"PRIORITY of the connection", kProtocolError, FrameOf(FrameType::kPriority, 0, 0, "12345")},
    {"PRIORITY of a wrong size", kFrameSizeError, FrameOf(FrameType::kPriority, 0, 1, "1234")},
    {"RST_STREAM of a wrong size", kFrameSizeError, FrameOf(FrameType::kRstStream, 0, 1, "123")},
    {"RST_STREAM of the connection", kProtocolError,
     FrameOf(FrameType::kRstStream, 0, 0, Number(8))},
    {"RST_STREAM of an idle stream", kProtocolError,
     FrameOf(FrameType::kRstStream, 0, 3, Number(8))},
    {"SETTINGS of a stream", kProtocolError, FrameOf(FrameType::kSettings, 0, 1)},
    {"SETTINGS of a wrong size", kFrameSizeError, FrameOf(FrameType::kSettings, 0, 0, "12345")},
    {"an acknowledgement with content", kFrameSizeError,
     FrameOf(FrameType::kSettings, kFlagAck, 0, SettingOf(Setting::kEnablePush, 0))},
    {"an acknowledgement too many", kProtocolError,
     FrameOf(FrameType::kSettings, kFlagAck, 0) + FrameOf(FrameType::kSettings, kFlagAck, 0)},
    {"ENABLE_PUSH that is no flag", kProtocolError,
     FrameOf(FrameType::kSettings, 0, 0, SettingOf(Setting::kEnablePush, 2))},
    {"a window above 2^31 - 1", kFlowControlError,
     FrameOf(FrameType::kSettings, 0, 0, SettingOf(Setting::kInitialWindowSize, 0x80000000))},
    {"open streams' windows above 2^31 - 1", kFlowControlError,
     FrameOf(FrameType::kWindowUpdate, 0, 1, Number(0x7fff0000)) +
         FrameOf(FrameType::kSettings, 0, 0, SettingOf(Setting::kInitialWindowSize, 0x7fffffff))},
    {"a frame size below 16 KiB", kProtocolError,
     FrameOf(FrameType::kSettings, 0, 0, SettingOf(Setting::kMaxFrameSize, 16'383))},
    {"a frame size of 16 MiB", kProtocolError,
     FrameOf(FrameType::kSettings, 0, 0, SettingOf(Setting::kMaxFrameSize, 1 << 24))},
    {"PUSH_PROMISE", kProtocolError, FrameOf(FrameType::kPushPromise, kEndHeaders, 1, Number(4))},
    {"PING of a stream", kProtocolError, FrameOf(FrameType::kPing, 0, 1, "8 bytes.")},
    {"PING of a wrong size", kFrameSizeError, FrameOf(FrameType::kPing, 0, 0, "7 bytes")},
    {"GOAWAY of a stream", kProtocolError, FrameOf(FrameType::kGoaway, 0, 1, "8 bytes.")},
    {"GOAWAY of a wrong size", kFrameSizeError, FrameOf(FrameType::kGoaway, 0, 0, "7 bytes")},
    {"WINDOW_UPDATE of a wrong size", kFrameSizeError,
     FrameOf(FrameType::kWindowUpdate, 0, 1, "123")},
    {"WINDOW_UPDATE by nothing", kProtocolError,
     FrameOf(FrameType::kWindowUpdate, 0, 0, Number(0))},
    {"WINDOW_UPDATE above 2^31 - 1", kFlowControlError,
     FrameOf(FrameType::kWindowUpdate, 0, 0, Number(0x7fffffff))},
    {"WINDOW_UPDATE of an idle stream", kProtocolError,
     FrameOf(FrameType::kWindowUpdate, 0, 3, Number(1))},
    {"a header name longer than 64 KiB", kCompressionError,
     Ask(3, string("\0\x7f\x82\xff\x03", 5), true)},
};

TEST_CASE("what a client breaks of a connection's rules ends it") {
  const size_t row = GENERATE(range(size_t{0}, std::size(kEndsServerConnection)));
  const Row& broken = kEndsServerConnection[row];
  CAPTURE(broken.rule);
  RawPeer peer(Side::kServer);
  peer.Greet();
  peer.Write(Ask(1, RequestBlock(), false));
  peer.RunUntil([&] { return peer.end.ears.size() == 1; });
  peer.Write(broken.frames);
  const auto& goaway = peer.Await(FrameType::kGoaway);
  CHECK(goaway.number(4) == broken.error_code);
  peer.RunUntil([&] { return peer.end.connection == nullptr; });
  CHECK(peer.end.closure.kind == ConnectionClosure::Kind::kProtocolError);
  CHECK(peer.end.ears[0]->closure.connection_lost);
  CHECK_FALSE(peer.end.ears[0]->ended);  // what breaks rules is no whole request
}

const string kWhole = RequestBlock();

// On stream 1 there is an open request, on 3 one that has ended on the client's side.
const Row kEndsServerStream[] = {
    {"DATA after the end", kStreamClosed, FrameOf(FrameType::kData, 0, 3, "x")},
    {"HEADERS after the end", kStreamClosed, Ask(3, Literal("a", "b"), true)},
    {"WINDOW_UPDATE by nothing", kProtocolError,
     FrameOf(FrameType::kWindowUpdate, 0, 3, Number(0))},
    {"WINDOW_UPDATE above 2^31 - 1", kFlowControlError,
     FrameOf(FrameType::kWindowUpdate, 0, 3, Number(0x7fffffff))},
    {"a capital letter in a name", kProtocolError, Ask(5, kWhole + Literal("Name", "x"), true)},
    {"an empty name", kProtocolError, Ask(5, kWhole + Literal("", "x"), true)},
    {"a space in a name", kProtocolError, Ask(5, kWhole + Literal("a b", "x"), true)},
    {"a colon in a name", kProtocolError, Ask(5, kWhole + Literal("a:b", "x"), true)},
    {"NUL in a value", kProtocolError, Ask(5, kWhole + Literal("a", string("x\0y", 3)), true)},
    {"a line end in a value", kProtocolError, Ask(5, kWhole + Literal("a", "12345678\n"), true)},
    {"a line end early in a long value", kProtocolError,
     Ask(5, kWhole + Literal("a", "1\r2345678901234567"), true)},
    {"DEL in a value", kProtocolError, Ask(5, kWhole + Literal("a", "1234567\x7f"), true)},
    {"a pseudo-header field behind others", kProtocolError,
     Ask(5, Literal("a", "b") + kWhole, true)},
    {"an unknown pseudo-header field", kProtocolError, Ask(5, kWhole + Literal(":a", "b"), true)},
    {"one of responses", kProtocolError, Ask(5, kWhole + Literal(":status", "200"), true)},
    {"one twice", kProtocolError, Ask(5, kWhole + Literal(":path", "/"), true)},
    {"no path", kProtocolError,
     Ask(5, Literal(":method", "POST") + Literal(":scheme", "http"), true)},
    {"an empty method", kProtocolError,
     Ask(5, Literal(":method", "") + Literal(":scheme", "http") + Literal(":path", "/"), true)},
    {"an empty path", kProtocolError,
     Ask(5, Literal(":method", "POST") + Literal(":scheme", "http") + Literal(":path", ""), true)},
    {"CONNECT with a path", kProtocolError,
     Ask(5, Literal(":method", "CONNECT") + Literal(":scheme", "http") + Literal(":path", "/"),
         true)},
    {"nothing at all", kProtocolError, Ask(5, "", true)},
    {"a field of HTTP/1 connections", kProtocolError,
     Ask(5, kWhole + Literal("connection", "close"), true)},
    {"an encoding of HTTP/1", kProtocolError,
     Ask(5, kWhole + Literal("transfer-encoding", "chunked"), true)},
    {"te that asks for more than trailers", kProtocolError,
     Ask(5, kWhole + Literal("te", "gzip"), true)},
    {"a content-length that is no number", kProtocolError,
     Ask(5, kWhole + Literal("content-length", "+5"), false)},
    {"two content-lengths", kProtocolError,
     Ask(5, kWhole + Literal("content-length", "5") + Literal("content-length", "6"), false)},
    {"a content-length and no content", kProtocolError,
     Ask(5, kWhole + Literal("content-length", "5"), true)},
    {"less content than content-length", kProtocolError,
     Ask(5, kWhole + Literal("content-length", "5"), false) +
         FrameOf(FrameType::kData, kFlagEndStream, 5, "four")},
    {"more content than content-length", kProtocolError,
     Ask(5, kWhole + Literal("content-length", "3"), false) +
         FrameOf(FrameType::kData, 0, 5, "four")},
    {"trailers that end nothing", kProtocolError, Ask(1, Literal("a", "b"), false)},
    {"trailers with a pseudo-header field", kProtocolError, Ask(1, Literal(":path", "/"), true)},
    {"a stream that depends on itself", kProtocolError,
     FrameOf(FrameType::kHeaders, kEndHeaders | kFlagEndStream | kFlagPriority, 5,
             Number(5) + "w" + kWhole)},
};

TEST_CASE("what a client breaks of a stream's rules ends that stream, and no other") {
  const size_t row = GENERATE(range(size_t{0}, std::size(kEndsServerStream)));
  const Row& broken = kEndsServerStream[row];
  CAPTURE(broken.rule);
  const uint32_t stream =
      ReadFrameHeader(reinterpret_cast<const uint8_t*>(broken.frames.data())).stream;
  RawPeer peer(Side::kServer);
  peer.Greet();
  peer.Write(Ask(1, kWhole, false) + Ask(3, kWhole, true));
  peer.RunUntil([&] { return peer.end.ears.size() == 2; });
  peer.Write(broken.frames);
  CHECK(peer.Await(FrameType::kRstStream, stream).number() == broken.error_code);
  if (stream < 5) {
    CHECK(peer.end.ears[stream / 2]->closure.error_code == broken.error_code);
  }
  peer.Write(Ask(7, kWhole, true));
  peer.Settle();
  CHECK(peer.Find(FrameType::kGoaway) == nullptr);
  CHECK(peer.end.ears.back()->headers.Get(":path") == "/a/b");
  CHECK_FALSE(peer.end.ears[stream == 1 ? 1 : 0]->closed);
}

TEST_CASE("a field that may not be is refused from the table as well") {
  RawPeer peer(Side::kServer);
  peer.Greet();
  peer.Write(Ask(5, kWhole + "\x40\x04Name\x01x", true) + Ask(7, kWhole + "\xbe", true) +
             Ask(9, kWhole + "\x40\x04name\x01x", true) + Ask(11, kWhole + "\xbe\xbf", true) +
             Ask(13, kWhole + "\xbe", true));
  for (uint32_t stream : {5, 7, 11}) {
    CHECK(peer.Await(FrameType::kRstStream, stream).number() == kProtocolError);
  }
  peer.Settle();
  CHECK(peer.end.ears.size() == 2);
  CHECK(peer.end.ears.back()->headers.Get("name") == "x");
}

TEST_CASE("what is allowed is let pass") {
  const string frames =
      GENERATE_COPY(Ask(5, kWhole + Literal("te", "trailers"), true),
                    Ask(5, kWhole + Literal("a", "\ttab \xc3\xa4"), true),
                    Ask(5, kWhole + Literal("grpc-message", " spaces "), true),
                    Ask(5, kWhole + Literal("content-length", "4"), false) +
                        FrameOf(FrameType::kData, kFlagEndStream, 5, "four"),
                    Ask(5, Literal(":method", "CONNECT") + Literal(":authority", "x"), false),
                    FrameOf(FrameType::kHeaders, kEndHeaders | kFlagPadded | kFlagPriority, 5,
                            "\x03" + Number(3) + "w" + kWhole + "pad"),
                    FrameOf(FrameType::kHeaders, 0, 5) +
                        FrameOf(FrameType::kContinuation, 0, 5, kWhole.substr(0, 5)) +
                        FrameOf(FrameType::kContinuation, kEndHeaders, 5, kWhole.substr(5)),
                    FrameOf(FrameType::kPriority, 0, 9, "12345") +
                        FrameOf(static_cast<FrameType>(0xfe), 0xff, 7, "x") +
                        FrameOf(FrameType::kPing, kFlagAck, 0, "no ping.") + Ask(5, kWhole, true));
  RawPeer peer(Side::kServer);
  peer.Greet();
  for (char byte : frames) peer.Write(string(1, byte));  // frames come in pieces of any size
  peer.RunUntil([&] { return peer.end.ears.size() == 1; });
  peer.Settle();
  CHECK(peer.Find(FrameType::kGoaway) == nullptr);
  CHECK(peer.Find(FrameType::kRstStream, 5) == nullptr);
}

TEST_CASE("frames of streams that have ended are ignored, but counted and decoded") {
  ConnectionOptions options;
  options.connection_window = kDefaultWindow;
  RawPeer peer(Side::kServer, options);
  peer.Greet();
  peer.Write(Ask(1, kWhole, false));
  peer.RunUntil([&] { return peer.end.ears.size() == 1; });
  peer.end.ears[0]->stream->Reset(kCancel);
  peer.Await(FrameType::kRstStream, 1);
  // Enters the table: a decoder that skipped it would not know it below.
  const string indexed = "\x40\x01k\x05value";
  for (int i = 0; i < 3; i++) peer.Write(FrameOf(FrameType::kData, 0, 1, string(16'000, 'x')));
  peer.Write(Ask(1, indexed, true) + FrameOf(FrameType::kWindowUpdate, 0, 1, Number(1)) +
             FrameOf(FrameType::kRstStream, 0, 1, Number(8)) + Ask(3, kWhole + "\xbe", true));
  peer.RunUntil([&] { return peer.end.ears.size() == 2; });
  CHECK(peer.end.ears[1]->headers.Get("k") == "value");
  CHECK(peer.Await(FrameType::kWindowUpdate).number() == 48'000);
  CHECK(peer.Find(FrameType::kGoaway) == nullptr);
}

TEST_CASE("more DATA than a stream's window ends the stream") {
  ConnectionOptions options;
  options.stream_window = 70'000;
  RawPeer peer(Side::kServer, options);
  peer.Greet();
  peer.Write(Ask(1, kWhole, false));
  peer.RunUntil([&] { return peer.end.ears.size() == 1; });
  peer.end.ears[0]->credit = false;
  for (int i = 0; i < 4; i++) peer.Write(FrameOf(FrameType::kData, 0, 1, string(16'384, 'x')));
  peer.Settle();
  CHECK(peer.Find(FrameType::kRstStream, 1) == nullptr);
  peer.Write(FrameOf(FrameType::kData, 0, 1, string(16'384, 'x')));
  CHECK(peer.Await(FrameType::kRstStream, 1).number() == kFlowControlError);
}

TEST_CASE("padding is credited by the connection itself") {
  ConnectionOptions options;
  options.stream_window = 1'000;
  RawPeer peer(Side::kServer, options);
  peer.Greet();
  peer.Write(Ask(1, kWhole, false));
  peer.RunUntil([&] { return peer.end.ears.size() == 1; });
  peer.end.ears[0]->credit = false;
  const string padded = string(1, '\xff') + "content" + string(255, '\0');
  for (int i = 0; i < 2; i++) peer.Write(FrameOf(FrameType::kData, kFlagPadded, 1, padded));
  CHECK(peer.Await(FrameType::kWindowUpdate, 1).number() == 512);
  CHECK(peer.end.ears[0]->body == "contentcontent");
}

TEST_CASE("the first frame has to be SETTINGS") {
  const Side side = GENERATE(Side::kServer, Side::kClient);
  const string first = GENERATE_COPY(FrameOf(FrameType::kPing, 0, 0, "8 bytes."),
                                     FrameOf(FrameType::kSettings, kFlagAck, 0));
  RawPeer peer(side);
  peer.Write(first);
  CHECK(peer.Await(FrameType::kGoaway).number(4) == kProtocolError);
}

TEST_CASE("a GOAWAY for an error names no later stream than the one of a shutdown before it") {
  RawPeer peer(Side::kServer);
  peer.Greet();
  peer.Write(Ask(1, kWhole, false));
  peer.RunUntil([&] { return peer.end.ears.size() == 1; });
  peer.end.connection->GracefulShutdown();
  peer.Write(FrameOf(FrameType::kPing, kFlagAck, 0, peer.Await(FrameType::kPing).payload));
  peer.RunUntil([&] { return peer.Goaways().size() == 2; });
  peer.Write(Ask(3, kWhole, false) + FrameOf(FrameType::kPing, 0, 1, "8 bytes."));
  peer.RunUntil([&] { return peer.Goaways().size() == 3; });
  CHECK(peer.Goaways() == std::vector<uint32_t>{kMaxStreamId, 1, 1});
}

TEST_CASE("a header block that is too large is looked at no further, and its stream goes on") {
  ConnectionOptions options;
  options.max_header_fields = 4;
  RawPeer peer(Side::kServer, options);
  peer.Greet();
  peer.Write(Ask(1, kWhole + Literal("a", "b") + Literal("c", "d") + Literal("E", "\n"), true));
  peer.RunUntil([&] { return peer.end.ears.size() == 1; });
  CHECK(peer.end.headers_too_large);
  CHECK(peer.end.ears[0]->headers.size() == 4);
}

TEST_CASE("answers that a peer asks for and does not take are bounded, on both sides") {
  const Side side = GENERATE(Side::kServer, Side::kClient);
  RawPeer peer(side);
  peer.Greet();
  const string ping = FrameOf(FrameType::kPing, 0, 0, "8 bytes.");
  const string settings = FrameOf(FrameType::kSettings, 0, 0);
  string asked;
  for (int i = 0; i < 501; i++) asked += ping + settings;
  peer.Write(asked);
  peer.RunUntil([&] { return peer.end.connection == nullptr; });
  CHECK(peer.end.closure.kind == ConnectionClosure::Kind::kFlood);
  CHECK(peer.end.closure.limit == "queued_frames");
}

TEST_CASE("floods that cost us more than the peer end the connection") {
  ConnectionOptions options;
  options.floods = {2, 2, 2};  // bursts of twenty
  RawPeer peer(Side::kServer, options);
  peer.Greet();
  peer.Write(Ask(1, kWhole, false));
  peer.RunUntil([&] { return peer.end.ears.size() == 1; });
  string frames;
  SECTION("CONTINUATION") {
    frames = FrameOf(FrameType::kHeaders, 0, 3);
    for (int i = 0; i < 20; i++) frames += FrameOf(FrameType::kContinuation, 0, 3);
  }
  SECTION("empty DATA") {
    for (int i = 0; i < 1'100; i++) frames += FrameOf(FrameType::kData, 0, 1);
  }
  SECTION("SETTINGS") {
    for (int i = 0; i < 25; i++) frames += FrameOf(FrameType::kSettings, 0, 0);
  }
  SECTION("resets") {
    for (uint32_t i = 3; i < 53; i += 2) {
      frames += Ask(i, kWhole, false) + FrameOf(FrameType::kRstStream, 0, i, Number(kCancel));
    }
  }
  SECTION("resets that we are made to send") {
    for (uint32_t i = 3; i < 53; i += 2) frames += Ask(i, "", true);
  }
  peer.Write(frames);
  CHECK(peer.Await(FrameType::kGoaway).number(4) == kEnhanceYourCalm);
  peer.RunUntil([&] { return peer.end.connection == nullptr; });
  CHECK(peer.end.closure.kind == ConnectionClosure::Kind::kFlood);
}

// ---- nodes' rules ---------------------------------------------------------------------------

struct RawServer : RawPeer {
  RawServer() : RawPeer(Side::kClient) {
    Greet();
    ear.stream = end.connection->Open(Request(), false, ear);
    Await(FrameType::kHeaders, 1);
  }
  Ear ear;
};

TEST_CASE("who gives a call up sends RST_STREAM, unless both sides have ended it") {
  RawServer server;
  const bool ended = GENERATE(true, false);
  if (ended) server.ear.stream->SendEnd();
  server.ear.on_end = [&] { server.ear.stream->Reset(kCancel); };
  if (ended) server.Await(FrameType::kData, 1);
  server.Write(Ask(1, Literal(":status", "200"), false));
  server.Write(FrameOf(FrameType::kData, kFlagEndStream, 1, "x"));
  server.RunUntil([&] { return server.ear.ended; });
  server.Settle();
  CHECK((server.Find(FrameType::kRstStream, 1) == nullptr) == ended);
}

TEST_CASE("what a node breaks of a connection's rules ends it") {
  const string frames = GENERATE_COPY(
      Ask(2, Literal(":status", "200"), false), Ask(3, Literal(":status", "200"), false),
      FrameOf(FrameType::kPushPromise, kEndHeaders, 1, Number(2) + RequestBlock()),
      FrameOf(FrameType::kSettings, 0, 0, SettingOf(Setting::kEnablePush, 1)),
      FrameOf(FrameType::kRstStream, 0, 3, Number(8)), FrameOf(FrameType::kData, 0, 3, "x"));
  RawServer server;
  server.Write(frames);
  CHECK(server.Await(FrameType::kGoaway).number(4) == kProtocolError);
  server.RunUntil([&] { return server.ear.closed; });
  CHECK(server.ear.closure.connection_lost);
  CHECK_FALSE(server.ear.closure.never_taken);
}

TEST_CASE("what a node breaks of a stream's rules ends that stream") {
  const string frames = GENERATE_COPY(
      FrameOf(FrameType::kData, 0, 1, "before the headers"), Ask(1, Literal("a", "b"), false),
      Ask(1, Literal(":status", "20"), false), Ask(1, Literal(":status", "101"), false),
      Ask(1, Literal(":status", "100"), true), Ask(1, kWhole, false),
      Ask(1, Literal(":status", "200"), false) + Ask(1, Literal("a", "b"), false),
      Ask(1, Literal(":status", "200") + Literal("content-length", "5"), true),
      Ask(1, Literal(":status", "200") + Literal("content-length", "5"), false) +
          Ask(1, Literal("a", "b"), true));
  RawServer server;
  server.Write(frames);
  CHECK(server.Await(FrameType::kRstStream, 1).number() == kProtocolError);
  CHECK(server.ear.closure.error_code == kProtocolError);
  CHECK_FALSE(server.ear.closure.never_taken);
  CHECK(server.end.connection->usable());
}

TEST_CASE("informational answers are passed over") {
  RawServer server;
  server.Write(Ask(1, Literal(":status", "103") + Literal("a", "b"), false) +
               Ask(1, Literal(":status", "200"), false));
  server.RunUntil([&] { return !server.ear.headers.empty(); });
  CHECK(server.ear.headers.Get(":status") == "200");
}

TEST_CASE("GOAWAY gives back what the node does not take") {
  RawServer server;
  Ear later;
  later.stream = server.end.connection->Open(Request(), true, later);
  server.Await(FrameType::kHeaders, 3);
  server.Write(FrameOf(FrameType::kGoaway, 0, 0, Number(1) + Number(kNoError)));
  server.RunUntil([&] { return later.closed; });
  CHECK(later.closure.never_taken);
  CHECK(server.end.goaway);
  CHECK_FALSE(server.ear.closed);
}

TEST_CASE("a window that shrinks below nothing holds DATA back until it has grown again") {
  RawServer server;
  server.ear.stream->SendData(server.Bytes(string(100, 'x')));
  server.RunUntil([&] { return server.ear.drained == 100; });
  server.Write(FrameOf(FrameType::kSettings, 0, 0, SettingOf(Setting::kInitialWindowSize, 50)));
  server.Settle();
  server.ear.stream->SendData(server.Bytes("late"));
  server.RunRounds();
  CHECK(server.ear.drained == 100);
  server.Write(FrameOf(FrameType::kWindowUpdate, 0, 1, Number(52)));
  server.RunUntil([&] { return server.ear.drained == 102; });
  server.Write(FrameOf(FrameType::kSettings, 0, 0, SettingOf(Setting::kInitialWindowSize, 52)));
  server.RunUntil([&] { return server.ear.drained == 104; });
}

TEST_CASE("a stream ends once, whatever is said of its window later") {
  RawServer server;
  server.ear.stream->SendEnd();
  server.Await(FrameType::kData, 1);
  server.Write(FrameOf(FrameType::kWindowUpdate, 0, 1, Number(9)) +
               FrameOf(FrameType::kSettings, 0, 0, SettingOf(Setting::kInitialWindowSize, 99)));
  server.Settle();
  int ends = 0;
  for (const auto& frame : server.received) ends += frame.header.type == FrameType::kData;
  CHECK(ends == 1);
}

TEST_CASE("the connection's window holds DATA back, and not headers and ends") {
  RawServer server;
  server.Write(
      FrameOf(FrameType::kSettings, 0, 0, SettingOf(Setting::kInitialWindowSize, 1 << 20)));
  server.Settle();
  server.ear.stream->SendData(server.Bytes(string(70'000, 'x')));
  server.RunUntil([&] { return server.ear.drained == 65'535; });
  Ear other;
  other.stream = server.end.connection->Open(Request(), false, other);
  other.stream->SendEnd();
  CHECK(server.Await(FrameType::kHeaders, 3).header.has(kFlagEndStream));
  server.Write(FrameOf(FrameType::kWindowUpdate, 0, 0, Number(70'000)));
  server.RunUntil([&] { return server.ear.drained == 70'000; });
}

}  // namespace
}  // namespace praefect::http2
