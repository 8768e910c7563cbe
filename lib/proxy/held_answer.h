#pragma once

// The part of a call's answer that its client may not have before the call is settled: every
// message after the first (old clients take the second one of UserMergeBranch for success).

#include <algorithm>
#include <utility>

#include "http2/buffer.h"
#include "http2/grpc.h"

namespace praefect::proxy {

class HeldAnswer {
 public:
  // Keeps what is not of the first message, and returns the rest, which may be empty.
  http2::Slice Take(http2::Slice data) {
    const size_t passes = Passes(data.data(), data.size());
    http2::Slice first = data.First(passes);
    data.RemovePrefix(passes);
    held_.Push(std::move(data));
    return first;
  }
  bool empty() const { return held_.empty(); }
  http2::SliceQueue Release() { return std::exchange(held_, {}); }

 private:
  // How many of the bytes belong to the first message.
  size_t Passes(const uint8_t* data, size_t size) {
    size_t passes = 0;
    while (passes < size && prefix_size_ < http2::kMessagePrefix) {
      prefix_[prefix_size_++] = data[passes++];
      if (prefix_size_ == http2::kMessagePrefix) rest_ = http2::ReadPrefix(prefix_).length;
    }
    const size_t of_body = std::min(size - passes, rest_);
    rest_ -= of_body;
    return passes + of_body;
  }

  uint8_t prefix_[http2::kMessagePrefix];
  size_t prefix_size_ = 0;  // bytes of prefix_ that have come
  size_t rest_ = 0;         // bytes of the first message that have not
  http2::SliceQueue held_;
};

}  // namespace praefect::proxy
