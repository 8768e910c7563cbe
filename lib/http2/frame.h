#pragma once

// The frames of HTTP/2 (RFC 9113, sections 4 and 6): header, types, flags, and how the small ones
// look on the wire.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace praefect::http2 {

inline constexpr size_t kFrameHeaderBytes = 9;
// Of a payload: what every peer takes and we take. We never allow more (SETTINGS_MAX_FRAME_SIZE).
inline constexpr uint32_t kMaxFrameBytes = 16 << 10;
inline constexpr uint32_t kMaxStreamId = 0x7fffffff;
inline constexpr int64_t kMaxWindow = 0x7fffffff;
inline constexpr uint32_t kDefaultWindow = 65'535;  // of a stream and of a connection
inline constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum class FrameType : uint8_t {
  kData = 0,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation,
};

inline constexpr uint8_t kFlagEndStream = 0x1;
inline constexpr uint8_t kFlagAck = 0x1;
inline constexpr uint8_t kFlagEndHeaders = 0x4;
inline constexpr uint8_t kFlagPadded = 0x8;
inline constexpr uint8_t kFlagPriority = 0x20;

enum class Setting : uint16_t {
  kHeaderTableSize = 1,
  kEnablePush,
  kMaxConcurrentStreams,
  kInitialWindowSize,
  kMaxFrameSize,
  kMaxHeaderListSize,
};

struct FrameHeader {
  uint32_t length = 0;  // of the payload
  FrameType type = FrameType::kData;
  uint8_t flags = 0;
  uint32_t stream = 0;
  bool has(uint8_t flag) const { return (flags & flag) != 0; }
};

// Of kFrameHeaderBytes bytes. The reserved bit is ignored, as 4.1 asks for.
FrameHeader ReadFrameHeader(const uint8_t* bytes);
void WriteFrameHeader(uint8_t* bytes, const FrameHeader& header);

uint16_t Read16(const uint8_t* bytes);
uint32_t Read32(const uint8_t* bytes);
void Write16(uint8_t* bytes, uint16_t value);
void Write32(uint8_t* bytes, uint32_t value);

// A whole RST_STREAM or WINDOW_UPDATE: a frame that says one number of one stream.
std::array<uint8_t, kFrameHeaderBytes + 4> NumberFrame(FrameType type, uint32_t stream,
                                                       uint32_t number);

}  // namespace praefect::http2
