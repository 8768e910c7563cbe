#include "http2/grpc.h"

#include <algorithm>
#include <array>

#include "http2/error_code.h"

namespace praefect::http2 {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

std::string_view StatusName(StatusCode code) {
  static constexpr std::array<std::string_view, kStatusCodes> kNames = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  return kNames[static_cast<size_t>(code)];
}

std::optional<StatusCode> ParseStatus(std::string_view text) {
  if (text.empty() || text.size() > 10) return std::nullopt;
  uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value < kStatusCodes ? static_cast<StatusCode>(value) : StatusCode::kUnknown;
}

StatusCode StatusFromHttp(std::string_view http_status) {
  if (http_status == "400") return StatusCode::kInternal;
  if (http_status == "401") return StatusCode::kUnauthenticated;
  if (http_status == "403") return StatusCode::kPermissionDenied;
  if (http_status == "404") return StatusCode::kUnimplemented;
  for (std::string_view again : {"429", "502", "503", "504"}) {
    if (http_status == again) return StatusCode::kUnavailable;
  }
  return StatusCode::kUnknown;
}

StatusCode StatusFromHttp2Error(uint32_t error_code) {
  switch (error_code) {
    case kRefusedStream:
      return StatusCode::kUnavailable;
    case kCancel:
      return StatusCode::kCanceled;
    case kEnhanceYourCalm:
      return StatusCode::kResourceExhausted;
    case kInadequateSecurity:
      return StatusCode::kPermissionDenied;
    default:
      return StatusCode::kInternal;
  }
}

std::optional<milliseconds> ParseTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  int64_t value = 0;
  for (char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  switch (text.back()) {
    case 'H':
      return milliseconds(value * 3'600'000);
    case 'M':
      return milliseconds(value * 60'000);
    case 'S':
      return milliseconds(value * 1'000);
    case 'm':
      return milliseconds(value);
    case 'u':
      return milliseconds((value + 999) / 1'000);
    case 'n':
      return milliseconds((value + 999'999) / 1'000'000);
    default:
      return std::nullopt;
  }
}

std::string FormatTimeout(milliseconds timeout) {
  constexpr int64_t kMaxValue = 99'999'999;
  int64_t ms = std::max<int64_t>(timeout.count(), 0);
  if (ms <= kMaxValue) return std::to_string(ms) + "m";
  if (ms / 1'000 <= kMaxValue) return std::to_string(ms / 1'000) + "S";
  return std::to_string(std::min(ms / 60'000, kMaxValue)) + "M";
}

std::string PercentEncode(std::string_view message) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(message.size());
  for (unsigned char c : message) {
    if (c >= 0x20 && c <= 0x7e && c != '%') {
      encoded.push_back(static_cast<char>(c));
    } else {
      encoded.append({'%', kHex[c >> 4], kHex[c & 15]});
    }
  }
  return encoded;
}

std::string PercentDecode(std::string_view encoded) {
  auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  std::string message;
  for (size_t i = 0; i < encoded.size(); i++) {
    bool escape = encoded[i] == '%' && i + 2 < encoded.size() && digit(encoded[i + 1]) >= 0 &&
                  digit(encoded[i + 2]) >= 0;
    if (escape) {
      message.push_back(static_cast<char>(digit(encoded[i + 1]) * 16 + digit(encoded[i + 2])));
      i += 2;
    } else {
      message.push_back(encoded[i]);
    }
  }
  return message;
}

MessagePrefix ReadPrefix(const uint8_t* b) {
  return {b[0], uint32_t{b[1]} << 24 | uint32_t{b[2]} << 16 | uint32_t{b[3]} << 8 | b[4]};
}

void MessageCounter::Follow(const uint8_t* bytes, size_t size) {
  while (size > 0) {
    if (prefix_size_ < kMessagePrefix) {
      prefix_[prefix_size_++] = *bytes++;
      size--;
      if (prefix_size_ < kMessagePrefix) continue;
      rest_ = ReadPrefix(prefix_).length;
    }
    const auto passing = static_cast<uint32_t>(std::min<size_t>(size, rest_));
    bytes += passing;
    size -= passing;
    rest_ -= passing;
    if (rest_ > 0) return;
    messages_++;
    prefix_size_ = 0;
  }
}

void WritePrefix(uint8_t* b, MessagePrefix prefix) {
  b[0] = prefix.flag;
  for (int i = 0; i < 4; i++) b[1 + i] = static_cast<uint8_t>(prefix.length >> (24 - 8 * i));
}

}  // namespace praefect::http2
