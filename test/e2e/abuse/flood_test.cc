// Much of what is cheap to send: each of these is legal once.

#include <catch2/catch.hpp>

#include "e2e/abuse/abuse.h"

namespace praefect::test {
namespace {

constexpr uint8_t kIndexedField = 0x80;

// A literal field without indexing (RFC 7541, 6.2.2) of 100 bytes.
std::string LiteralField() { return std::string("\0\x01x\x62", 4) + std::string(98, 'a'); }

std::string Setting(uint16_t id, uint32_t value) {
  std::string payload;
  AppendU16(payload, id);
  AppendU32(payload, value);
  return Encode(FrameType::kSettings, 0, 0, payload);
}

std::string WindowUpdate(uint32_t stream, uint32_t bytes) {
  std::string payload;
  AppendU32(payload, bytes);
  return Encode(FrameType::kWindowUpdate, 0, stream, payload);
}

const std::string kPing = Encode(FrameType::kPing, 0, 0, "8 bytes.");

const std::vector<Abuse> kFloods = {
    {"rapid reset: streams opened and reset at once (CVE-2023-44487)",
     {"GOAWAY ENHANCE_YOUR_CALM"},
     [](RawClient& client, uint32_t) {
       for (int i = 0; i < 300; ++i) client.connection().Reset(client.Open(kBranch), kCancel);
     }},
    {"streams that Praefect is made to reset (CVE-2025-8671)",
     {"GOAWAY ENHANCE_YOUR_CALM", "GOAWAY PROTOCOL_ERROR"},
     [](RawClient& client, uint32_t) {
       // With a token, so that they stay open until their first message has come.
       for (int i = 0; i < 300; ++i) {
         client.connection().WindowUpdate(client.Open(kBranch, Site::Authorized()), 0);
       }
     }},
    {"malformed requests, which Praefect resets",
     {"GOAWAY ENHANCE_YOUR_CALM", "GOAWAY PROTOCOL_ERROR"},
     [](RawClient& client, uint32_t) {
       for (int i = 0; i < 300; ++i) client.Open(kBranch, {{"connection", "close"}});
     }},
    {"streams beyond the limit, without end",
     {"GOAWAY ENHANCE_YOUR_CALM", "GOAWAY PROTOCOL_ERROR"},
     [](RawClient& client, uint32_t) {
       // With a token, so that they stay open until their first message has come.
       for (int i = 0; i < 500; ++i) client.Open(kBranch, Site::Authorized());
     }},
    {"PING",
     {"GOAWAY ENHANCE_YOUR_CALM"},
     [](RawClient& client, uint32_t) { client.connection().SendBytes(Repeat(60, kPing)); }},
    {"PING answers that nobody asked for",
     {"status 0", "GOAWAY ENHANCE_YOUR_CALM", "GOAWAY PROTOCOL_ERROR"},
     [](RawClient& client, uint32_t) {
       client.connection().SendBytes(Repeat(10'000, Encode(FrameType::kPing, kAck, 0, "8 bytes.")));
     }},
    {"SETTINGS",
     {"GOAWAY ENHANCE_YOUR_CALM"},
     [](RawClient& client, uint32_t) {
       client.connection().SendBytes(Repeat(60, Encode(FrameType::kSettings, 0, 0, "")));
     }},
    {"SETTINGS answers that nobody asked for",
     {"status 0", "GOAWAY ENHANCE_YOUR_CALM", "GOAWAY PROTOCOL_ERROR"},
     [](RawClient& client, uint32_t) {
       client.connection().SendBytes(Repeat(10'000, Encode(FrameType::kSettings, kAck, 0, "")));
     }},
    {"one SETTINGS frame with thousands of settings",
     {"status 0", "GOAWAY ENHANCE_YOUR_CALM", "GOAWAY PROTOCOL_ERROR"},
     [](RawClient& client, uint32_t) {
       const std::string one = Setting(0x1, 4096).substr(kFrameHeaderBytes);
       client.connection().Send(FrameType::kSettings, 0, 0, Repeat(2'700, one));
     }},
    {"empty DATA",
     {"GOAWAY ENHANCE_YOUR_CALM"},
     [](RawClient& client, uint32_t stream) {
       client.connection().SendBytes(Repeat(20'000, Encode(FrameType::kData, 0, stream, "")));
     }},
    {"DATA that is padding only",
     {"GOAWAY ENHANCE_YOUR_CALM"},
     [](RawClient& client, uint32_t stream) {
       constexpr uint8_t kPadded = 0x8;
       client.connection().SendBytes(
           Repeat(20'000, Encode(FrameType::kData, kPadded, stream, std::string("\x01\0", 2))));
     }},
    {"CONTINUATION without an end (CVE-2024-27316)",
     {"GOAWAY ENHANCE_YOUR_CALM", "GOAWAY PROTOCOL_ERROR", "GOAWAY COMPRESSION_ERROR"},
     [](RawClient& client, uint32_t stream) {
       RawConnection& connection = client.connection();
       connection.Send(FrameType::kHeaders, 0, stream + 2, "");
       const std::string kibibyte = Repeat(10, LiteralField());
       connection.SendBytes(
           Repeat(2'000, Encode(FrameType::kContinuation, 0, stream + 2, kibibyte)));
     }},
    {"empty CONTINUATION",
     {"GOAWAY ENHANCE_YOUR_CALM", "GOAWAY PROTOCOL_ERROR", "GOAWAY COMPRESSION_ERROR"},
     [](RawClient& client, uint32_t stream) {
       client.connection().Send(FrameType::kHeaders, 0, stream + 2, "");
       client.connection().SendBytes(
           Repeat(20'000, Encode(FrameType::kContinuation, 0, stream + 2, "")));
     }},
    {"a large field, indexed once and named a thousand times",  // the call has ended: status 8
     {"GOAWAY ENHANCE_YOUR_CALM", "GOAWAY PROTOCOL_ERROR", "GOAWAY COMPRESSION_ERROR", "status 0"},
     [](RawClient& client, uint32_t stream) {
       // A literal field with incremental indexing of 3,900 bytes (RFC 7541, 6.2.1); then 62, the
       // first entry of the dynamic table.
       const std::string large = std::string("\x40\x01x\x7f\xbd\x1d", 6) + std::string(3'900, 'a');
       const std::string again(10'000, static_cast<char>(kIndexedField | 62));
       client.connection().Send(FrameType::kHeaders, kEndHeaders | kEndStream, stream + 2,
                                large + again);
     }},
    {"PRIORITY",
     {"status 0", "GOAWAY ENHANCE_YOUR_CALM"},
     [](RawClient& client, uint32_t) {
       std::string frames;
       for (uint32_t i = 0; i < 20'000; ++i) {
         frames += Encode(FrameType::kPriority, 0, 2 * i + 1, std::string("\0\0\0\0\x10", 5));
       }
       client.connection().SendBytes(frames);
     }},
    {"WINDOW_UPDATE",
     {"status 0", "GOAWAY ENHANCE_YOUR_CALM"},
     [](RawClient& client, uint32_t stream) {
       client.connection().SendBytes(Repeat(10'000, WindowUpdate(0, 1) + WindowUpdate(stream, 1)));
     }},
    {"frames of an unknown type",
     {"status 0", "GOAWAY ENHANCE_YOUR_CALM"},
     [](RawClient& client, uint32_t stream) {
       client.connection().SendBytes(
           Repeat(20'000, Encode(static_cast<FrameType>(0xfa), 0xff, stream, "greasy")));
     }},
};

TEST_CASE("A client that floods is sent away, or does no harm") {
  Site site;
  for (const Abuse& flood : kFloods) CheckAbuse(site, flood);
}

}  // namespace
}  // namespace praefect::test
