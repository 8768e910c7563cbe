#pragma once

// Why a stream or a connection ended, as RST_STREAM and GOAWAY say it (RFC 9113, section 7).

#include <cstdint>
#include <string_view>

namespace praefect::http2 {

inline constexpr uint32_t kNoError = 0x0;
inline constexpr uint32_t kProtocolError = 0x1;
inline constexpr uint32_t kInternalError = 0x2;
inline constexpr uint32_t kFlowControlError = 0x3;
inline constexpr uint32_t kStreamClosed = 0x5;
inline constexpr uint32_t kFrameSizeError = 0x6;
inline constexpr uint32_t kRefusedStream = 0x7;
inline constexpr uint32_t kCancel = 0x8;
inline constexpr uint32_t kCompressionError = 0x9;
inline constexpr uint32_t kEnhanceYourCalm = 0xb;
inline constexpr uint32_t kInadequateSecurity = 0xc;

// "PROTOCOL_ERROR" and so on; "an unknown error" for what the RFC does not name.
std::string_view Http2ErrorName(uint32_t error_code);

}  // namespace praefect::http2
