#pragma once

// Reference-counted receive blocks, slices of them, and queues of slices. What was received is
// passed on without being copied. Not thread-safe: a block never leaves its worker.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace praefect::http2 {

// What the connections of the whole process hold. The one object here that threads share.
struct MemoryMeter {
  std::atomic<int64_t> bytes{0};           // in blocks
  std::atomic<int64_t> client_streams{0};  // that clients opened
  std::atomic<int64_t> node_streams{0};    // that were opened to nodes or to local services
};

class BlockPool;

// The bytes follow the object in memory.
struct Block {
  uint32_t references;
  uint32_t capacity;
  BlockPool* pool;
  uint8_t* data() { return reinterpret_cast<uint8_t*>(this + 1); }
};

// Blocks of one size. Keeps some free ones; must outlive its blocks.
class BlockPool {
 public:
  BlockPool(uint32_t capacity, MemoryMeter& meter) : capacity_(capacity), meter_(meter) {}
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  uint32_t capacity() const { return capacity_; }
  // With one reference, the caller's.
  Block* Get() { return GetSized(capacity_); }
  // One of another size, not kept when it is freed.
  Block* GetSized(uint32_t capacity);
  static void Release(Block* block) {
    if (--block->references == 0) block->pool->Free(block);
  }

 private:
  static constexpr size_t kKeptFreeBytes = 1 << 20;
  void Free(Block* block);

  const uint32_t capacity_;
  MemoryMeter& meter_;
  std::vector<Block*> free_;
};

// Part of a block; holds a reference.
class Slice {
 public:
  Slice() = default;
  Slice(Block* block, const uint8_t* data, size_t size) : block_(block), data_(data), size_(size) {
    block_->references++;
  }
  Slice(const Slice& other) : block_(other.block_), data_(other.data_), size_(other.size_) {
    if (block_ != nullptr) block_->references++;
  }
  Slice(Slice&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)), data_(other.data_), size_(other.size_) {}
  Slice& operator=(Slice other) noexcept {
    std::swap(block_, other.block_);
    data_ = other.data_;
    size_ = other.size_;
    return *this;
  }
  ~Slice() {
    if (block_ != nullptr) BlockPool::Release(block_);
  }

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  Block* block() const { return block_; }
  Slice First(size_t n) const { return Slice(block_, data_, n); }
  void RemovePrefix(size_t n) {
    data_ += n;
    size_ -= n;
  }
  void Extend(size_t n) { size_ += n; }

 private:
  Block* block_ = nullptr;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// First in, first out. Keeps its storage when it runs empty.
class SliceQueue {
 public:
  size_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }
  Slice& front() { return slices_[head_]; }
  Slice& back() { return slices_.back(); }
  const Slice& at(size_t i) const { return slices_[head_ + i]; }
  size_t count() const { return slices_.size() - head_; }

  void Push(Slice slice) {
    if (slice.size() == 0) return;
    bytes_ += slice.size();
    slices_.push_back(std::move(slice));
  }
  // The last slice was extended by `n` bytes in place.
  void CountExtended(size_t n) { bytes_ += n; }
  // Takes `n` bytes off the front.
  void Consume(size_t n);
  void Clear();
  // Copies what lies in blocks that are hardly used into blocks of `pool`, so that a few bytes do
  // not keep whole receive blocks.
  void Compact(BlockPool& pool);
  void PushCopy(BlockPool& pool, const uint8_t* data, size_t size);

 private:
  void PopFront();
  std::vector<Slice> slices_;
  size_t head_ = 0;
  size_t bytes_ = 0;
};

// Where sockets are read into, one read after another. A block is read into behind what is still
// held of it: of many short reads a few bytes each may be queued for long, and they share blocks.
class ReceiveSpace {
 public:
  explicit ReceiveSpace(BlockPool& pool) : pool_(pool) {}
  ~ReceiveSpace() { Drop(); }
  ReceiveSpace(const ReceiveSpace&) = delete;
  ReceiveSpace& operator=(const ReceiveSpace&) = delete;

  // For one read. Nobody else reads into it while it lives.
  class Room {
   public:
    // For `wanted` bytes, or for as many as half a block has.
    Room(ReceiveSpace& space, uint32_t wanted);
    // What is left free goes back to the space, all of it when no slice refers to it.
    ~Room();
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;

    Block* block() const { return held_.block(); }
    uint8_t* data() const { return block()->data() + offset_; }
    size_t size() const { return held_.size(); }
    // `n` bytes of it were read.
    void Keep(size_t n);

   private:
    ReceiveSpace& space_;
    uint32_t offset_ = 0;
    Slice held_;
  };

 private:
  void Drop();

  BlockPool& pool_;
  Block* block_ = nullptr;
  uint32_t used_ = 0;  // bytes of it
};

// The block sizes of the data plane, as measured (see ARCHITECTURE.md, "Data plane").
struct Buffers {
  explicit Buffers(MemoryMeter& m)
      : meter(m), receive(128 << 10, m), packed(16 << 10, m), control(4 << 10, m) {}
  MemoryMeter& meter;
  BlockPool receive;  // what sockets are read into
  BlockPool packed;   // what stalled streams keep
  BlockPool control;  // frame headers and everything small
  ReceiveSpace space{receive};
  // A block that is being made, and a field that is being decoded; not metered, as long as the
  // longest ones were.
  std::vector<uint8_t> header_block;
  std::vector<char> header_text;
};

}  // namespace praefect::http2
