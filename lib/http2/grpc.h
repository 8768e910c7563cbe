#pragma once

// What gRPC puts on top of HTTP/2: status codes, the timeout header, percent-encoded messages and
// the message prefix. Source: the gRPC-over-HTTP/2 protocol document ("PROTOCOL-HTTP2.md") and its
// companion "http-grpc-status-mapping.md".

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace praefect::http2 {

// The canonical codes, numbered as on the wire.
enum class StatusCode {
  kOk = 0,
  kCanceled,
  kUnknown,
  kInvalidArgument,
  kDeadlineExceeded,
  kNotFound,
  kAlreadyExists,
  kPermissionDenied,
  kResourceExhausted,
  kFailedPrecondition,
  kAborted,
  kOutOfRange,
  kUnimplemented,
  kInternal,
  kUnavailable,
  kDataLoss,
  kUnauthenticated,
};
inline constexpr int kStatusCodes = 17;

// "OK", "Canceled", "NotFound", ...: as Go's gRPC writes them in logs and metrics.
std::string_view StatusName(StatusCode code);

// A grpc-status value; nullopt when it is not a number. Unknown numbers are kUnknown.
std::optional<StatusCode> ParseStatus(std::string_view text);
// For an HTTP answer without a grpc-status.
StatusCode StatusFromHttp(std::string_view http_status);
// For a stream that ended with RST_STREAM.
StatusCode StatusFromHttp2Error(uint32_t error_code);

// A grpc-timeout value: at most 8 digits and one of H M S m u n; nullopt when malformed. Rounded up
// to milliseconds.
std::optional<std::chrono::milliseconds> ParseTimeout(std::string_view text);
std::string FormatTimeout(std::chrono::milliseconds timeout);

// grpc-message: everything but printable ASCII without '%' is escaped.
std::string PercentEncode(std::string_view message);
std::string PercentDecode(std::string_view encoded);

// Five bytes before each message: a flag (1: compressed) and a 32-bit big-endian length.
inline constexpr size_t kMessagePrefix = 5;
struct MessagePrefix {
  uint8_t flag = 0;
  uint32_t length = 0;
};
MessagePrefix ReadPrefix(const uint8_t* bytes);
void WritePrefix(uint8_t* bytes, MessagePrefix prefix);

// Counts the messages that pass in one direction of a call, in pieces of any size: follows their
// prefixes and looks at nothing else.
class MessageCounter {
 public:
  void Follow(const uint8_t* bytes, size_t size);
  uint64_t messages() const { return messages_; }  // that have passed to their end

 private:
  uint64_t messages_ = 0;
  uint32_t rest_ = 0;        // of the message that is passing
  uint8_t prefix_size_ = 0;  // bytes of prefix_ that have passed; all: rest_ says what is left
  uint8_t prefix_[kMessagePrefix];
};

}  // namespace praefect::http2
