#include "http2/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace praefect::http2 {

BlockPool::~BlockPool() {
  for (Block* block : free_) std::free(block);
}

Block* BlockPool::GetSized(uint32_t capacity) {
  Block* block;
  if (capacity == capacity_ && !free_.empty()) {
    block = free_.back();
    free_.pop_back();
  } else {
    block = static_cast<Block*>(std::malloc(sizeof(Block) + capacity));
    if (block == nullptr) throw std::bad_alloc();
  }
  *block = Block{1, capacity, this};
  meter_.bytes.fetch_add(capacity, std::memory_order_relaxed);
  return block;
}

void BlockPool::Free(Block* block) {
  meter_.bytes.fetch_sub(block->capacity, std::memory_order_relaxed);
  if (block->capacity == capacity_ && free_.size() * capacity_ < kKeptFreeBytes) {
    free_.push_back(block);
  } else {
    std::free(block);
  }
}

void SliceQueue::PopFront() {
  slices_[head_] = Slice();
  if (++head_ == slices_.size()) {
    slices_.clear();
    head_ = 0;
  } else if (head_ >= 256 && head_ * 2 >= slices_.size()) {
    slices_.erase(slices_.begin(), slices_.begin() + static_cast<ptrdiff_t>(head_));
    head_ = 0;
  }
}

void SliceQueue::Consume(size_t n) {
  bytes_ -= n;
  while (n > 0) {
    Slice& first = front();
    if (n < first.size()) {
      first.RemovePrefix(n);
      return;
    }
    n -= first.size();
    PopFront();
  }
}

void SliceQueue::Clear() {
  slices_.clear();
  head_ = 0;
  bytes_ = 0;
}

void SliceQueue::PushCopy(BlockPool& pool, const uint8_t* data, size_t size) {
  while (size > 0) {
    Block* last = count() > 0 ? back().block() : nullptr;
    size_t used =
        last == nullptr ? 0 : static_cast<size_t>(back().data() + back().size() - last->data());
    // Only a block that is all ours has room behind its last slice.
    if (last == nullptr || last->pool != &pool || last->references != 1 || used == last->capacity) {
      last = pool.Get();
      slices_.push_back(Slice(last, last->data(), 0));
      BlockPool::Release(last);
      used = 0;
    }
    size_t n = std::min<size_t>(size, last->capacity - used);
    memcpy(last->data() + used, data, n);
    back().Extend(n);
    bytes_ += n;
    data += n;
    size -= n;
  }
}

void SliceQueue::Compact(BlockPool& pool) {
  // What others hold of a block is taken to be as much as what this slice does.
  auto there = [&pool](const Slice& slice) {
    const Block& block = *slice.block();
    return block.pool == &pool || slice.size() * block.references >= block.capacity / 4 * 3;
  };
  auto first = slices_.begin() + static_cast<ptrdiff_t>(head_);
  if (std::all_of(first, slices_.end(), there)) return;
  SliceQueue packed;
  for (; first != slices_.end(); ++first) {
    if (there(*first)) {
      packed.Push(std::move(*first));
    } else {
      packed.PushCopy(pool, first->data(), first->size());
    }
  }
  *this = std::move(packed);
}

// ---- ReceiveSpace ---------------------------------------------------------------------------

ReceiveSpace::Room::Room(ReceiveSpace& space, uint32_t wanted) : space_(space) {
  if (space.block_ != nullptr && space.block_->references == 1) space.used_ = 0;
  const uint32_t least = std::min(wanted, space.pool_.capacity() / 2);
  if (space.block_ != nullptr && space.block_->capacity - space.used_ < least) space.Drop();
  if (space.block_ == nullptr) {
    space.block_ = space.pool_.Get();
    space.used_ = 0;
  }
  offset_ = space.used_;
  const uint32_t size = std::min(wanted, space.block_->capacity - offset_);
  held_ = Slice(space.block_, space.block_->data() + offset_, size);
  space.used_ += size;
}

void ReceiveSpace::Room::Keep(size_t n) {
  if (space_.block_ == block() && space_.used_ == offset_ + size()) {
    space_.used_ = offset_ + static_cast<uint32_t>(n);
  }
}

ReceiveSpace::Room::~Room() {
  held_ = Slice();
  if (space_.block_ != nullptr && space_.block_->references == 1) space_.Drop();
}

void ReceiveSpace::Drop() {
  if (block_ != nullptr) BlockPool::Release(block_);
  block_ = nullptr;
}

}  // namespace praefect::http2
