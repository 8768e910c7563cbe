#pragma once

// HTTP/2 frames out of a byte stream that comes in pieces of any size (RFC 9113, section 4.1).

#include <cstdint>
#include <string>
#include <string_view>

namespace praefect::fuzz {

inline constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr size_t kFrameHeaderBytes = 9;

enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

struct Frame {
  uint8_t type = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;
  std::string_view payload;
};

// Big-endian; 0 when there are less than four bytes.
inline uint32_t ReadU32(std::string_view bytes, size_t at) {
  if (bytes.size() < at + 4) return 0;
  uint32_t value = 0;
  for (size_t i = 0; i < 4; i++) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

class FrameReader {
 public:
  // `skip` bytes stand before the first frame.
  explicit FrameReader(size_t skip) : skip_(skip) {}

  template <typename OnFrame>
  void Feed(std::string_view bytes, OnFrame on_frame) {
    const size_t skipped = std::min(skip_, bytes.size());
    skip_ -= skipped;
    buffer_.append(bytes.substr(skipped));
    std::string_view rest = buffer_;
    while (rest.size() >= kFrameHeaderBytes) {
      const size_t length = ReadU32(rest, 0) >> 8;
      if (rest.size() < kFrameHeaderBytes + length) break;
      on_frame(Frame{static_cast<uint8_t>(rest[3]), static_cast<uint8_t>(rest[4]),
                     ReadU32(rest, 5) & 0x7fffffff, rest.substr(kFrameHeaderBytes, length)});
      rest.remove_prefix(kFrameHeaderBytes + length);
    }
    buffer_.erase(0, buffer_.size() - rest.size());
  }

 private:
  size_t skip_;
  std::string buffer_;
};

}  // namespace praefect::fuzz
