#include "proxy/first_message.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "http2/grpc.h"

namespace praefect::proxy {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib: largest window, gzip wrapper
constexpr size_t kInflateStep = 16 << 10;

FirstMessage::Result Refuse(absl::StatusCode code, std::string message, std::string_view reason) {
  FirstMessage::Result result;
  result.refusal = {code, std::move(message), reason, ""};
  return result;
}

FirstMessage::Result TooLong(uint64_t max_bytes) {
  return Refuse(
      absl::StatusCode::kResourceExhausted,
      fmt::format("the first message is longer than max_first_message_bytes ({})", max_bytes),
      "first_message_too_long");
}

const uint8_t* Bytes(const std::string& text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

}  // namespace

size_t FirstMessage::wanted() const {
  return http2_prefix() + http2::ReadPrefix(Bytes(bytes_)).length;
}

bool FirstMessage::too_long() const {
  return bytes_.size() >= http2_prefix() && wanted() - http2_prefix() > max_bytes_;
}

size_t FirstMessage::Append(const uint8_t* data, size_t size) {
  size_t taken = 0;
  auto take = [&](size_t upto) {
    size_t n = std::min(size - taken, upto - bytes_.size());
    bytes_.append(reinterpret_cast<const char*>(data) + taken, n);
    taken += n;
  };
  if (bytes_.size() < http2_prefix()) take(http2_prefix());
  if (bytes_.size() >= http2_prefix() && !too_long()) take(wanted());
  meter_.bytes.fetch_add(static_cast<int64_t>(taken), std::memory_order_relaxed);
  return taken;
}

FirstMessage::Result FirstMessage::Open(std::string_view grpc_encoding) {
  std::string_view payload = std::string_view(bytes_).substr(http2_prefix());
  switch (http2::ReadPrefix(Bytes(bytes_)).flag) {
    case 0:
      return {true, payload, {}};
    case 1:
      break;
    default:
      return Refuse(absl::StatusCode::kInternal, "the first message has an unknown flag",
                    "first_message_malformed");
  }
  if (grpc_encoding == "gzip") return Inflate(payload);
  if (grpc_encoding.empty() || grpc_encoding == "identity") {
    return Refuse(absl::StatusCode::kInternal,
                  "the first message is flagged as compressed without a grpc-encoding",
                  "first_message_malformed");
  }
  return Refuse(
      absl::StatusCode::kUnimplemented,
      fmt::format("compression \"{}\" is not supported for the first message; use gzip or none",
                  grpc_encoding),
      "first_message_encoding");
}

FirstMessage::Result FirstMessage::Inflate(std::string_view compressed) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) {
    return Refuse(absl::StatusCode::kInternal, "cannot start to inflate the first message",
                  "first_message_malformed");
  }
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  int state = Z_OK;
  while (state == Z_OK && inflated_.size() <= max_bytes_) {
    size_t have = inflated_.size();
    inflated_.resize(have + kInflateStep);
    stream.next_out = reinterpret_cast<Bytef*>(inflated_.data() + have);
    stream.avail_out = kInflateStep;
    state = inflate(&stream, Z_NO_FLUSH);
    inflated_.resize(have + kInflateStep - stream.avail_out);
  }
  bool leftovers = stream.avail_in > 0;
  inflateEnd(&stream);
  if (inflated_.size() > max_bytes_) return TooLong(max_bytes_);
  if (state != Z_STREAM_END || leftovers) {
    return Refuse(absl::StatusCode::kInternal, "the first message is no valid gzip data",
                  "first_message_malformed");
  }
  return {true, inflated_, {}};
}

}  // namespace praefect::proxy
