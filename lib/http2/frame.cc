#include "http2/frame.h"

namespace praefect::http2 {

uint16_t Read16(const uint8_t* bytes) { return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]); }

uint32_t Read32(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

void Write16(uint8_t* bytes, uint16_t value) {
  bytes[0] = static_cast<uint8_t>(value >> 8);
  bytes[1] = static_cast<uint8_t>(value);
}

void Write32(uint8_t* bytes, uint32_t value) {
  Write16(bytes, static_cast<uint16_t>(value >> 16));
  Write16(bytes + 2, static_cast<uint16_t>(value));
}

FrameHeader ReadFrameHeader(const uint8_t* bytes) {
  return {Read32(bytes) >> 8, static_cast<FrameType>(bytes[3]), bytes[4],
          Read32(bytes + 5) & kMaxStreamId};
}

void WriteFrameHeader(uint8_t* bytes, const FrameHeader& header) {
  Write32(bytes, header.length << 8 | static_cast<uint8_t>(header.type));
  bytes[4] = header.flags;
  Write32(bytes + 5, header.stream);
}

std::array<uint8_t, kFrameHeaderBytes + 4> NumberFrame(FrameType type, uint32_t stream,
                                                       uint32_t number) {
  std::array<uint8_t, kFrameHeaderBytes + 4> frame;
  WriteFrameHeader(frame.data(), {4, type, 0, stream});
  Write32(frame.data() + kFrameHeaderBytes, number);
  return frame;
}

}  // namespace praefect::http2
