#pragma once

// HTTP/2 frames as values (RFC 9113 section 4 and 6), for peers that may have to misbehave.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace praefect::test {

enum class FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

inline constexpr uint8_t kEndStream = 0x1;
inline constexpr uint8_t kAck = 0x1;
inline constexpr uint8_t kEndHeaders = 0x4;

enum Http2Error : uint32_t {
  kNoError = 0x0,
  kProtocolError = 0x1,
  kInternalError = 0x2,
  kFlowControlError = 0x3,
  kRefusedStream = 0x7,
  kCancel = 0x8,
  kEnhanceYourCalm = 0xb,
  kInadequateSecurity = 0xc,
};

enum Http2Setting : uint16_t {
  kMaxConcurrentStreams = 0x3,
  kInitialWindowSize = 0x4,
  kMaxFrameSize = 0x5,
};

inline constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr size_t kFrameHeaderBytes = 9;
inline constexpr size_t kMaxFramePayload = 16384;  // what every peer accepts

// Header fields in order; a name may repeat.
using Fields = std::vector<std::pair<std::string, std::string>>;

// The first value of `name`, empty when there is none.
std::string FieldOf(const Fields& fields, std::string_view name);

struct Frame {
  FrameType type = FrameType::kData;
  uint8_t flags = 0;
  uint32_t stream = 0;
  std::string payload;
  Fields fields;  // HEADERS: decoded, CONTINUATION frames included

  bool end_stream() const { return (flags & kEndStream) != 0; }
  bool ack() const { return (flags & kAck) != 0; }
  // RST_STREAM: its code. GOAWAY: its code.
  uint32_t error_code() const;
  // GOAWAY: the last stream that was or will be processed.
  uint32_t last_stream() const;
};

void AppendU16(std::string& out, uint16_t value);
void AppendU32(std::string& out, uint32_t value);
uint32_t ReadU32(std::string_view bytes, size_t offset);

// Header and payload as they travel.
std::string Encode(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload);

// A gRPC message with its five byte prefix.
std::string GrpcFrame(std::string_view message, bool compressed = false);

}  // namespace praefect::test
