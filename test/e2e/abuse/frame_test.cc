// Frames and requests that RFC 9113 forbids. The numbers are its sections.

#include <catch2/catch.hpp>

#include "e2e/abuse/abuse.h"
#include "e2e/abuse/endings.h"

namespace praefect::test {
namespace {

constexpr uint8_t kPadded = 0x8;
const std::string kMessage = GrpcFrame(RequestFor(kSteady));

std::string U32(uint32_t value) {
  std::string bytes;
  AppendU32(bytes, value);
  return bytes;
}

std::string Setting(uint16_t id, uint32_t value) {
  std::string payload;
  AppendU16(payload, id);
  return payload + U32(value);
}

// A row that sends one frame, on stream 0 or on one that is counted from the open one.
Abuse OnConnection(std::string name, std::vector<std::string> expected, FrameType type,
                   std::string payload, uint8_t flags = 0) {
  return {std::move(name), std::move(expected),
          [=](RawClient& client, uint32_t) { client.connection().Send(type, flags, 0, payload); }};
}
Abuse OnStream(std::string name, std::vector<std::string> expected, FrameType type,
               std::string payload, uint8_t flags = 0, uint32_t offset = 0) {
  return {std::move(name), std::move(expected), [=](RawClient& client, uint32_t stream) {
            client.connection().Send(type, flags, stream + offset, payload);
          }};
}

const std::vector<std::string> kProtocol = {"GOAWAY PROTOCOL_ERROR"};
const std::vector<std::string> kFrameSize = {"GOAWAY FRAME_SIZE_ERROR"};
const std::vector<std::string> kFlowControl = {"GOAWAY FLOW_CONTROL_ERROR"};
const std::vector<std::string> kCompression = {"GOAWAY COMPRESSION_ERROR"};

const std::vector<Abuse> kFrames = {
    OnConnection("DATA on stream 0 (6.1)", kProtocol, FrameType::kData, "data"),
    OnConnection("HEADERS on stream 0 (6.2)", kProtocol, FrameType::kHeaders, "\x82", kEndHeaders),
    OnConnection("RST_STREAM on stream 0 (6.4)", kProtocol, FrameType::kRstStream, U32(kCancel)),
    OnConnection("PUSH_PROMISE on stream 0 (6.6)", kProtocol, FrameType::kPushPromise, U32(2)),
    OnStream("PUSH_PROMISE from a client (8.4)", kProtocol, FrameType::kPushPromise,
             U32(2) + "\x82", kEndHeaders),
    OnStream("SETTINGS on a stream (6.5)", kProtocol, FrameType::kSettings, ""),
    OnStream("PING on a stream (6.7)", kProtocol, FrameType::kPing, "8 bytes."),
    OnStream("GOAWAY on a stream (6.8)", kProtocol, FrameType::kGoaway, U32(0) + U32(0)),
    OnConnection("SETTINGS that are cut short (6.5)", kFrameSize, FrameType::kSettings, "odd"),
    OnConnection("SETTINGS acknowledged with settings (6.5)", kFrameSize, FrameType::kSettings,
                 Setting(kInitialWindowSize, 1), kAck),
    OnConnection("PING of another length (6.7)", kFrameSize, FrameType::kPing, "7 bytes"),
    OnConnection("GOAWAY that is cut short (6.8)", kFrameSize, FrameType::kGoaway, "short"),
    OnStream("RST_STREAM of another length (6.4)", kFrameSize, FrameType::kRstStream, "too long"),
    OnStream("WINDOW_UPDATE of another length (6.9)", kFrameSize, FrameType::kWindowUpdate, "odd"),
    OnStream("DATA longer than SETTINGS_MAX_FRAME_SIZE (4.2)",
             {"GOAWAY FRAME_SIZE_ERROR", "RST_STREAM FRAME_SIZE_ERROR"}, FrameType::kData,
             std::string(kMaxFramePayload + 1, 'x')),
    OnStream("HEADERS longer than SETTINGS_MAX_FRAME_SIZE (4.2)", kFrameSize, FrameType::kHeaders,
             std::string(kMaxFramePayload + 1, '\x82'), kEndHeaders, 2),
    OnStream("more padding than DATA has room for (6.1)", kProtocol, FrameType::kData, "\x09 short",
             kPadded),
    OnStream("more padding than HEADERS has room for (6.2)", kProtocol, FrameType::kHeaders,
             "\x09 short", kPadded | kEndHeaders, 2),
    OnStream("DATA on a stream that was never opened (5.1)", kProtocol, FrameType::kData, "data", 0,
             2),
    OnStream("RST_STREAM of a stream that was never opened (5.1)", kProtocol, FrameType::kRstStream,
             U32(kCancel), 0, 2),
    OnStream("WINDOW_UPDATE of a stream that was never opened (5.1)", kProtocol,
             FrameType::kWindowUpdate, U32(1), 0, 2),
    OnStream("CONTINUATION of nothing (6.10)", kProtocol, FrameType::kContinuation, "\x82",
             kEndHeaders),
    OnStream("a stream of an even number (5.1.1)", kProtocol, FrameType::kHeaders, "\x82",
             kEndHeaders, 1),
    OnStream("headers that are not HPACK (4.3)", kCompression, FrameType::kHeaders,
             std::string(6, '\xff'), kEndHeaders, 2),
    OnStream("a field of the dynamic table that is not there (4.3)", kCompression,
             FrameType::kHeaders, "\xfe", kEndHeaders, 2),
    OnStream("a dynamic table larger than Praefect's (4.3.1)", kCompression, FrameType::kHeaders,
             "\x3f\xe2\x1f\x82", kEndHeaders, 2),
    OnConnection("SETTINGS_ENABLE_PUSH that is no truth value (6.5.2)", kProtocol,
                 FrameType::kSettings, Setting(0x2, 2)),
    OnConnection("SETTINGS_MAX_FRAME_SIZE below the least (6.5.2)", kProtocol, FrameType::kSettings,
                 Setting(kMaxFrameSize, 1)),
    OnConnection("SETTINGS_INITIAL_WINDOW_SIZE above the most (6.5.2)", kFlowControl,
                 FrameType::kSettings, Setting(kInitialWindowSize, 0x80000000)),
    OnConnection("a setting that nobody knows (6.5.2)", {"status 0"}, FrameType::kSettings,
                 Setting(0xfafa, 0xffffffff)),
    OnConnection("WINDOW_UPDATE of nothing for the connection (6.9)", kProtocol,
                 FrameType::kWindowUpdate, U32(0)),
    OnStream("WINDOW_UPDATE of nothing for a stream (6.9)",
             {"RST_STREAM PROTOCOL_ERROR", "GOAWAY PROTOCOL_ERROR"}, FrameType::kWindowUpdate,
             U32(0)),
    OnConnection("a window of the connection above the most (6.9.1)", kFlowControl,
                 FrameType::kWindowUpdate, U32(0x7fffffff)),
    OnStream("a window of a stream above the most (6.9.1)",
             {"RST_STREAM FLOW_CONTROL_ERROR", "GOAWAY FLOW_CONTROL_ERROR"},
             FrameType::kWindowUpdate, U32(0x7fffffff)),
    // A stream error is less than 6.9.2 asks for, and enough: nobody else has this window.
    {"initial windows that put an open stream above the most (6.9.2)",
     {"GOAWAY FLOW_CONTROL_ERROR", "RST_STREAM FLOW_CONTROL_ERROR"},
     [](RawClient& client, uint32_t stream) {
       client.connection().WindowUpdate(stream, 0x7fffffff - 65'535);
       client.connection().SendSettings({{kInitialWindowSize, 65'536}});
     }},
    {"another frame between HEADERS and CONTINUATION (6.10)", kProtocol,
     [](RawClient& client, uint32_t stream) {
       client.connection().Send(FrameType::kHeaders, 0, stream + 2, "\x82");
       client.connection().Send(FrameType::kPing, 0, 0, "8 bytes.");
     }},
    // To ignore it is to take it for one that Praefect has closed (5.1).
    {"a stream below one that was opened (5.1.1)",
     {"GOAWAY PROTOCOL_ERROR", "GOAWAY STREAM_CLOSED", "status 0"},
     [](RawClient& client, uint32_t stream) {
       client.connection().Send(FrameType::kHeaders, kEndHeaders, stream + 4, "\x82");
       client.connection().Send(FrameType::kHeaders, kEndHeaders, stream + 2, "\x82");
     }},
    {"trailers that do not end the stream (8.1)",
     {"RST_STREAM PROTOCOL_ERROR", "GOAWAY PROTOCOL_ERROR"},
     [](RawClient& client, uint32_t stream) {
       client.connection().SendHeaders(stream, {{"name", "value"}}, false);
     }},
    {"DATA after END_STREAM, while the call waits (5.1)",
     {"RST_STREAM STREAM_CLOSED", "GOAWAY STREAM_CLOSED", "status 0"},  // it may be answered first
     [](RawClient& client, uint32_t stream) {
       const std::string data = Encode(FrameType::kData, kEndStream, stream, kMessage);
       client.connection().SendBytes(data + data);
     }},
};

TEST_CASE("Frames against the rules end their stream or their connection") {
  Site site;
  for (const Abuse& frame : kFrames) CheckAbuse(site, frame);
}

struct BadRequest {
  std::string name;
  Fields fields;
};

const Fields kGood = {{":method", "POST"}, {":scheme", "http"},
                      {":path", kBranch},  {":authority", "x"},
                      {"te", "trailers"},  {"content-type", "application/grpc"}};

Fields Without(const std::string& name) {
  Fields fields = kGood;
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}
Fields With(const std::pair<std::string, std::string>& field) {
  Fields fields = kGood;
  fields.push_back(field);
  return fields;
}

const BadRequest kRequests[] = {
    {"no :method (8.3.1)", Without(":method")},
    {"no :scheme (8.3.1)", Without(":scheme")},
    {"no :path (8.3.1)", Without(":path")},
    {":path twice (8.3.1)", With({":path", kBranch})},
    {"a pseudo-header field that nobody knows (8.3)", With({":surprise", "x"})},
    {"a pseudo-header field after the others (8.3)", With({":path", kBranch})},
    {"a response's pseudo-header field (8.3)", With({":status", "200"})},
    {"capitals in a name (8.2.1)", With({"Name", "value"})},
    {"a line break in a value (8.2.1)", With({"name", "value\r\nname: value"})},
    {"a zero in a value (8.2.1)", With({"name", std::string("a\0b", 3)})},
    {"a field of one hop (8.2.2)", With({"connection", "close"})},
    {"te of something else (8.2.2)", With({"te", "gzip"})},
    {"content-length that is no number (8.1.1)", With({"content-length", "many"})},
};

TEST_CASE("Malformed requests end their stream or their connection") {
  Site site;
  const std::vector<std::string> expected = {"RST_STREAM PROTOCOL_ERROR", "GOAWAY PROTOCOL_ERROR",
                                             "HTTP 400"};
  for (const BadRequest& request : kRequests) {
    INFO(request.name);
    {
      RawClient client(site.address());
      client.connection().SendHeaders(1, request.fields);
      CHECK_THAT(expected, Catch::VectorContains(EndOf(client.connection(), 1)));
    }
    site.CheckUnharmed();
  }
}

}  // namespace
}  // namespace praefect::test
