#include "proxy/listing.h"

#include <cstring>
#include <utility>

namespace praefect::proxy {

Listing::Listing(std::deque<std::string> pieces, http2::MemoryMeter& meter)
    : pieces_(std::move(pieces)), meter_(meter) {
  for (const std::string& piece : pieces_) bytes_ += piece.size();
  meter_.bytes += static_cast<int64_t>(bytes_);
}

Listing::~Listing() { meter_.bytes -= static_cast<int64_t>(bytes_); }

http2::Slice Listing::Next(http2::BlockPool& pool) {
  const std::string piece = std::move(pieces_.front());
  pieces_.pop_front();
  bytes_ -= piece.size();
  meter_.bytes -= static_cast<int64_t>(piece.size());
  http2::Block* block = pool.GetSized(static_cast<uint32_t>(piece.size()));
  memcpy(block->data(), piece.data(), piece.size());
  http2::Slice slice(block, block->data(), piece.size());
  http2::BlockPool::Release(block);
  return slice;
}

}  // namespace praefect::proxy
