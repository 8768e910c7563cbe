#pragma once

// Collects the first gRPC message of a request, which says what the call is about. Everything after
// it is relayed without being looked at.

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http2/buffer.h"
#include "routing/route.h"

namespace praefect::proxy {

class FirstMessage {
 public:
  // `max_bytes` bounds the message as it is sent and, when it is compressed, as it is inflated.
  // What is collected is counted in `meter`, which outlives this object.
  FirstMessage(uint64_t max_bytes, http2::MemoryMeter& meter)
      : max_bytes_(max_bytes), meter_(meter) {}
  ~FirstMessage() { meter_.bytes -= static_cast<int64_t>(bytes_.size()); }
  FirstMessage(const FirstMessage&) = delete;
  FirstMessage& operator=(const FirstMessage&) = delete;

  // Takes what belongs to the message and returns how many bytes that were; the rest is for later.
  size_t Append(const uint8_t* data, size_t size);

  bool complete() const { return bytes_.size() >= http2_prefix() && bytes_.size() == wanted(); }
  bool empty() const { return bytes_.empty(); }
  size_t size() const { return bytes_.size(); }
  // The announced length is above the bound: nothing more is taken.
  bool too_long() const;
  uint64_t max_bytes() const { return max_bytes_; }

  // The message without its prefix, inflated if it is compressed. Call it when complete() holds.
  // A refusal otherwise: compressed with something else than gzip, broken, or too long inflated.
  struct Result {
    bool ok = false;
    std::string_view message;  // lives as long as this object
    routing::Refusal refusal;
  };
  Result Open(std::string_view grpc_encoding);

 private:
  static constexpr size_t http2_prefix() { return 5; }
  size_t wanted() const;
  Result Inflate(std::string_view compressed);

  const uint64_t max_bytes_;
  http2::MemoryMeter& meter_;
  std::string bytes_;  // prefix and message
  std::string inflated_;
};

}  // namespace praefect::proxy
