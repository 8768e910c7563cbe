#pragma once

// An answer that is there whole and is sent in pieces, as its client takes them.

#include <deque>
#include <string>

#include "http2/buffer.h"

namespace praefect::proxy {

class Listing {
 public:
  // `pieces`: messages with their prefixes, cut anywhere. Counted in `meter`, which outlives it.
  Listing(std::deque<std::string> pieces, http2::MemoryMeter& meter);
  ~Listing();
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;

  bool empty() const { return pieces_.empty(); }
  size_t bytes() const { return bytes_; }  // that are left
  // Takes the next piece off. There is one.
  http2::Slice Next(http2::BlockPool& pool);

 private:
  std::deque<std::string> pieces_;
  http2::MemoryMeter& meter_;
  size_t bytes_ = 0;
};

}  // namespace praefect::proxy
