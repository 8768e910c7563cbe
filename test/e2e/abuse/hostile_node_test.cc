// A node that means ill, or is broken: what its caller is told.

#include <catch2/catch.hpp>
#include <list>
#include <mutex>

#include "e2e/abuse/endings.h"
#include "e2e/abuse/site.h"
#include "integration/conformance/message.h"
#include "support/raw_http2/node.h"

namespace praefect::test {
namespace {

constexpr uint8_t kPadded = 0x8;

void AnswerWell(RawStream& stream) { stream.Answer("done"); }

// Answers probes well, and calls as it is told.
class Node {
 public:
  const std::string& address() const { return node_.address(); }
  void Behave(RawNode::Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }

 private:
  void Serve(RawStream& stream) {
    RawNode::Script script;
    {
      const std::lock_guard lock(mutex_);
      script = script_;
    }
    script(stream);
  }

  std::mutex mutex_;
  RawNode::Script script_ = AnswerWell;  // guarded by mutex_
  RawNode node_{
      "tcp://127.0.0.1:0", [this](RawStream& stream) { Serve(stream); }, {}, ServerInfo({"hand"})};
};

struct Misdeed {
  std::string name;
  // How the call ends. A broken stream is INTERNAL (13), a broken connection UNAVAILABLE (14) and
  // an answer that is not gRPC's UNKNOWN (2); RFC 9113 lets Praefect take a stream's error for the
  // connection's.
  std::vector<std::string> expected;
  RawNode::Script commit;
  std::string timeout = "30S";
};

std::string U32(uint32_t value) {
  std::string bytes;
  AppendU32(bytes, value);
  return bytes;
}

const std::vector<std::string> kBrokenStream = {"status 13", "status 14"};
const std::vector<std::string> kBrokenConnection = {"status 14"};
const std::vector<std::string> kTooLarge = {"status 8", "status 13", "status 14"};
// Borne, or ended with the connection.
const std::vector<std::string> kFlood = {"status 0", "status 14"};

Misdeed Frame(std::string name, std::vector<std::string> expected, FrameType type, uint8_t flags,
              std::string payload) {
  return {std::move(name), std::move(expected),
          [=](RawStream& s) { s.connection().Send(type, flags, s.id(), payload); }};
}
Misdeed OfConnection(std::string name, FrameType type, uint8_t flags, std::string payload,
                     uint32_t stream = 0) {
  return {std::move(name), kBrokenConnection,
          [=](RawStream& s) { s.connection().Send(type, flags, stream, payload); }};
}
Misdeed Headers(std::string name, std::vector<std::string> expected, Fields fields, bool end) {
  return {std::move(name), std::move(expected),
          [=](RawStream& s) { s.connection().SendHeaders(s.id(), fields, end); }};
}
Misdeed Trailers(std::string name, std::vector<std::string> expected, Fields fields) {
  return {std::move(name), std::move(expected), [=](RawStream& s) {
            s.SendHeaders();
            s.Finish(fields);
          }};
}
// Many frames, then a good answer.
Misdeed Floods(std::string name, std::vector<std::string> expected, int count,
               std::function<std::string(uint32_t stream)> frame) {
  return {std::move(name), std::move(expected), [=](RawStream& s) {
            std::string all;
            for (int i = 0; i < count; ++i) all += frame(s.id());
            s.connection().SendBytes(all);
            AnswerWell(s);
          }};
}

const Fields kOk = {{":status", "200"}, {"content-type", "application/grpc"}};
Fields With(Fields fields, const std::pair<std::string, std::string>& field) {
  fields.push_back(field);
  return fields;
}

const Misdeed kMisdeeds[] = {
    // ---- answers that are not what gRPC's rules say ------------------------------------------
    Headers("an answer that is no success in HTTP", {"status 2"},
            {{":status", "500"}, {"content-type", "text/html"}}, false),
    Headers("an answer of a proxy that is overloaded", {"status 14"},
            {{":status", "503"}, {"content-type", "text/html"}}, true),
    Headers("an answer of another type", {"status 2"},
            {{":status", "200"}, {"content-type", "text/html"}}, false),
    Headers("an answer without a type", {"status 2"}, {{":status", "200"}}, false),
    Headers("headers that are all, without a status", {"status 2"}, kOk, true),
    Headers("a status without a message", {"status 5"}, With(kOk, {"grpc-status", "5"}), true),
    Trailers("a status without a message, after headers", {"status 5"}, {{"grpc-status", "5"}}),
    Trailers("a message without a status", {"status 2"}, {{"grpc-message", "oops"}}),
    Trailers("a status that is no number", {"status 2"}, {{"grpc-status", "banana"}}),
    Trailers("a status that is below all", {"status 2"}, {{"grpc-status", "-1"}}),
    Trailers("a status that nobody knows, which clients take for 2", {"status 2", "status 4711"},
             {{"grpc-status", "4711"}}),
    {"DATA that ends the stream",
     {"status 2", "status 13"},
     [](RawStream& s) {
       s.SendHeaders();
       s.connection().SendData(s.id(), GrpcFrame("x"), true);
     }},
    {"a message cut short, then OK",  // messages are passed on unseen: the client tells
     {"status 0", "status 13"},
     [](RawStream& s) {
       s.SendHeaders();
       s.connection().SendData(s.id(), GrpcFrame("cut off").substr(0, 8));
       s.Finish();
     }},
    {"an answer before the request was read, and then silence", {"status 0"}, AnswerWell},
    // ---- what RFC 9113 forbids on a stream ---------------------------------------------------
    Frame("DATA before headers", kBrokenStream, FrameType::kData, 0, GrpcFrame("early")),
    Frame("WINDOW_UPDATE of nothing", kBrokenStream, FrameType::kWindowUpdate, 0, U32(0)),
    Frame("a window above the most", kBrokenStream, FrameType::kWindowUpdate, 0, U32(0x7fffffff)),
    Headers("headers without :status", kBrokenStream, {{"content-type", "application/grpc"}},
            false),
    Headers("a request's fields in an answer", kBrokenStream, With(kOk, {":path", "/"}), false),
    Headers("capitals in a name", kBrokenStream, With(kOk, {"Name", "value"}), false),
    Headers("a line break in a value", kBrokenStream, With(kOk, {"name", "a\r\nb: c"}), false),
    Headers("a field of one hop", kBrokenStream, With(kOk, {"connection", "close"}), false),
    {"headers twice", kBrokenStream,
     [](RawStream& s) {
       s.SendHeaders();
       s.SendHeaders();
     }},
    {"more DATA than Praefect gave credit for", kBrokenStream,
     [](RawStream& s) {
       s.SendHeaders();  // its client takes 64 KiB and then nothing, and a window has 512 KiB at
                         // most
       for (int i = 0; i < 100; ++i) s.connection().SendData(s.id(), std::string(10'000, 'x'));
     }},
    // ---- what RFC 9113 forbids on a connection -----------------------------------------------
    OfConnection("DATA on stream 0", FrameType::kData, 0, "data"),
    OfConnection("SETTINGS that are cut short", FrameType::kSettings, 0, "odd"),
    OfConnection("PING of another length", FrameType::kPing, 0, "7 bytes"),
    OfConnection("a window of the connection above the most", FrameType::kWindowUpdate, 0,
                 U32(0x7fffffff)),
    OfConnection("a stream that the node opens", FrameType::kHeaders, kEndHeaders, "\x88", 2),
    OfConnection("a frame on a stream that is not open", FrameType::kData, 0, "data", 9'999),
    Frame("PUSH_PROMISE", kBrokenConnection, FrameType::kPushPromise, kEndHeaders, U32(2) + "\x82"),
    Frame("headers that are not HPACK", kBrokenConnection, FrameType::kHeaders, kEndHeaders,
          std::string(6, '\xff')),
    Frame("HEADERS longer than a frame may be", kBrokenConnection, FrameType::kHeaders, kEndHeaders,
          std::string(kMaxFramePayload + 1, '\x88')),
    Frame("more padding than there is room for", kBrokenConnection, FrameType::kHeaders,
          kPadded | kEndHeaders, "\x09 short"),
    {"noise in the middle of an answer", kBrokenConnection,
     [](RawStream& s) {
       s.SendHeaders();
       s.connection().SendBytes(Pattern(100'000));
     }},
    {"the end of the connection in the middle of a frame", kBrokenConnection,
     [](RawStream& s) {
       s.SendHeaders();
       s.connection().SendBytes(Encode(FrameType::kData, 0, s.id(), "cut off").substr(0, 12));
       s.connection().Close();
     }},
    {"a GOAWAY that gives all calls up",
     {"status 14"},
     [](RawStream& s) {
       s.SendHeaders();
       s.connection().Goaway(0, kInternalError);
       s.connection().Close();
     }},
    // ---- too much of it ----------------------------------------------------------------------
    Headers("more header bytes than anybody takes", kTooLarge,
            With(kOk, {"large", std::string(300'000, 'x')}), true),
    Trailers("more trailer bytes than anybody takes", kTooLarge,
             {{"grpc-status", "0"}, {"large", std::string(300'000, 'x')}}),
    {"CONTINUATION without an end", kBrokenConnection,
     [](RawStream& s) {
       s.connection().Send(FrameType::kHeaders, 0, s.id(), "\x88");
       std::string all;
       for (int i = 0; i < 20'000; ++i) {
         all += Encode(FrameType::kContinuation, 0, s.id(), std::string("\0\x01x\x01y", 5));
       }
       s.connection().SendBytes(all);
     }},
    Floods("a thousand informational headers", kFlood, 1'000,
           [](uint32_t id) {  // a literal field without indexing that is named by 8, :status
             return Encode(FrameType::kHeaders, kEndHeaders, id,
                           "\x08\x03"
                           "103");
           }),
    Floods("PING", kFlood, 20'000,
           [](uint32_t) { return Encode(FrameType::kPing, 0, 0, "8 bytes."); }),
    Floods("SETTINGS", kFlood, 20'000,
           [](uint32_t) { return Encode(FrameType::kSettings, 0, 0, ""); }),
    Floods("WINDOW_UPDATE", kFlood, 20'000,
           [](uint32_t id) { return Encode(FrameType::kWindowUpdate, 0, id, U32(1)); }),
    {"empty DATA", kFlood,
     [](RawStream& s) {
       s.SendHeaders();
       std::string all;
       for (int i = 0; i < 20'000; ++i) all += Encode(FrameType::kData, 0, s.id(), "");
       s.connection().SendBytes(all);
       s.SendMessage("done");
       s.Finish();
     }},
    // ---- too little: until the client's deadline ---------------------------------------------
    {"silence", {"status 4"}, [](RawStream&) {}, "500m"},
    {"headers, and then silence", {"status 4"}, [](RawStream& s) { s.SendHeaders(); }, "500m"},
    {"a message that never ends",
     {"status 4"},
     [](RawStream& s) {
       s.SendHeaders();
       s.connection().SendData(s.id(), GrpcFrame("cut off").substr(0, 8));
     },
     "500m"},
    {"a frame that never ends, and takes in what the node answers to PING",
     {"status 4", "status 14"},
     [](RawStream& s) {
       s.SendHeaders();
       s.connection().SendBytes(Encode(FrameType::kData, 0, s.id(), "cut off").substr(0, 12));
     },
     "500m"},
};

TEST_CASE("A call to a node that breaks the rules ends with a status, and the next one succeeds") {
  Node node;
  Site site({{"hand", node.address(), NodeToken()}});
  site.Record("hand");
  CHECK(Eventually([&] { return site.Call("hand") == "status 0"; }));
  site.TakeRest();
  for (const Misdeed& misdeed : kMisdeeds) {
    INFO(misdeed.name);
    CHECK(Eventually([&] { return site.Call("hand") == "status 0"; }));
    node.Behave(misdeed.commit);
    CHECK_THAT(misdeed.expected,
               Catch::VectorContains(site.Call("hand", {{"grpc-timeout", misdeed.timeout}})));
    node.Behave(AnswerWell);
    site.CheckUnharmed();
  }
}

// Says the same to everybody who connects, probes as well.
class Ambush {
 public:
  explicit Ambush(std::string words, bool closes)
      : listener_(Listen("tcp://127.0.0.1:0")),
        address_(BoundAddress(listener_)),
        thread_([this, words = std::move(words), closes] {
          for (;;) {
            Socket socket = Accept(listener_);
            if (socket.fd() < 0) return;
            socket.WriteAll(words);
            if (!closes) sockets_.push_back(std::move(socket));
          }
        }) {}
  ~Ambush() {
    listener_.Shutdown();
    thread_.join();
  }
  const std::string& address() const { return address_; }

 private:
  Socket listener_;
  const std::string address_;
  std::list<Socket> sockets_;
  std::thread thread_;
};

TEST_CASE("A node that does not speak HTTP/2 is unavailable") {
  const std::string settings = Encode(FrameType::kSettings, 0, 0, "");
  struct Row {
    const char* name;
    std::string words;
    bool closes;
    std::vector<std::string> expected;
  };
  const Row rows[] = {
      {"closed", "", true, kBrokenConnection},
      {"closed after SETTINGS", settings, true, kBrokenConnection},
      {"HTTP/1", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", true, kBrokenConnection},
      {"noise", Pattern(100'000), false, kBrokenConnection},
      {"another frame before SETTINGS", Encode(FrameType::kPing, 0, 0, "8 bytes."), false,
       kBrokenConnection},
      {"a handshake of TLS", std::string("\x16\x03\x03\x00\x05hello", 10), false,
       kBrokenConnection},
      // Its kernel accepts and nobody answers: a PING of Praefect's tells, or the probes have.
      {"silence", "", false, {"status 14", "status 4"}},
      {"SETTINGS, and then silence", settings, false, {"status 14", "status 4"}},
  };
  std::list<Ambush> ambushes;
  std::vector<Site::OtherNode> nodes;
  for (const Row& row : rows) {
    ambushes.emplace_back(row.words, row.closes);
    nodes.push_back({row.name, ambushes.back().address(), NodeToken()});
    // The same where Praefect begins with a handshake of TLS.
    const std::string port = ambushes.back().address().substr(strlen("tcp://"));
    nodes.push_back({std::string("TLS, ") + row.name, "tls://" + port, NodeToken()});
  }
  Site site(nodes);
  const auto expect = [&](const std::string& node, const std::vector<std::string>& expected) {
    INFO(node);
    CHECK_THAT(expected, Catch::VectorContains(site.Call(node, {{"grpc-timeout", "3S"}})));
  };
  for (const Row& row : rows) {
    expect(row.name, row.expected);
    expect(std::string("TLS, ") + row.name, row.expected);
  }
  site.CheckUnharmed();
}

}  // namespace
}  // namespace praefect::test
