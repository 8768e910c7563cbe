#include "support/raw_http2/frame.h"

namespace praefect::test {

std::string FieldOf(const Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return "";
}

uint32_t Frame::error_code() const { return ReadU32(payload, type == FrameType::kGoaway ? 4 : 0); }

uint32_t Frame::last_stream() const { return ReadU32(payload, 0) & 0x7fffffff; }

void AppendU16(std::string& out, uint16_t value) {
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value));
}

void AppendU32(std::string& out, uint32_t value) {
  AppendU16(out, static_cast<uint16_t>(value >> 16));
  AppendU16(out, static_cast<uint16_t>(value));
}

uint32_t ReadU32(std::string_view bytes, size_t offset) {
  uint32_t value = 0;
  for (size_t i = offset; i < offset + 4 && i < bytes.size(); ++i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return value;
}

std::string Encode(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string out;
  out.push_back(static_cast<char>(payload.size() >> 16));
  AppendU16(out, static_cast<uint16_t>(payload.size()));
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  AppendU32(out, stream);
  out.append(payload);
  return out;
}

std::string GrpcFrame(std::string_view message, bool compressed) {
  std::string out(1, compressed ? '\1' : '\0');
  AppendU32(out, static_cast<uint32_t>(message.size()));
  out.append(message);
  return out;
}

}  // namespace praefect::test
