#include "http2/buffer.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

namespace praefect::http2 {
namespace {

struct Pools {
  MemoryMeter meter;
  BlockPool pool{64, meter};

  Slice Make(const std::string& text) {
    Block* block = pool.Get();
    memcpy(block->data(), text.data(), text.size());
    Slice slice(block, block->data(), text.size());
    BlockPool::Release(block);
    return slice;
  }
};

std::string Read(const SliceQueue& queue) {
  std::string text;
  for (size_t i = 0; i < queue.count(); i++) {
    text.append(reinterpret_cast<const char*>(queue.at(i).data()), queue.at(i).size());
  }
  return text;
}

TEST_CASE("a queue gives back what was pushed, in pieces of any size") {
  Pools pools;
  SliceQueue queue;
  for (const char* text : {"one ", "two ", "three"}) queue.Push(pools.Make(text));
  CHECK(queue.bytes() == 13);
  queue.Consume(6);
  CHECK(Read(queue) == "o three");
  queue.Consume(7);
  CHECK(queue.empty());
}

TEST_CASE("the meter counts blocks for as long as a slice of them lives") {
  Pools pools;
  {
    Slice slice = pools.Make("x");
    Slice copy = slice;
    CHECK(pools.meter.bytes == 64);
  }
  CHECK(pools.meter.bytes == 0);
}

TEST_CASE("compacting a queue keeps its bytes and lets go of the blocks") {
  Pools pools;
  BlockPool packed(16, pools.meter);
  SliceQueue queue;
  std::string all;
  for (int i = 0; i < 40; i++) {
    queue.Push(pools.Make(std::to_string(i)));
    all += std::to_string(i);
  }
  CHECK(pools.meter.bytes == 40 * 64);
  queue.Compact(packed);
  CHECK(Read(queue) == all);
  CHECK(pools.meter.bytes == 80);  // 70 bytes in blocks of 16
  const uint8_t* where = queue.front().data();
  queue.Compact(packed);
  CHECK(queue.front().data() == where);  // once is enough, however long it stalls
}

TEST_CASE("blocks that are used to the full are not copied") {
  Pools pools;
  BlockPool packed{16, pools.meter};
  SliceQueue queue;
  queue.Push(pools.Make(std::string(48, 'x')));  // most of it
  queue.Push(pools.Make("little"));
  const uint8_t* where = queue.front().data();
  queue.Compact(packed);
  CHECK(queue.front().data() == where);
  CHECK(pools.meter.bytes == 64 + 16);
  CHECK(Read(queue) == std::string(48, 'x') + "little");
}

TEST_CASE("copies are appended to a block that is ours alone, never to a shared one") {
  Pools pools;
  SliceQueue queue;
  queue.PushCopy(pools.pool, reinterpret_cast<const uint8_t*>("ab"), 2);
  Slice shared = queue.front();
  queue.PushCopy(pools.pool, reinterpret_cast<const uint8_t*>("cd"), 2);
  CHECK(queue.count() == 2);
  CHECK(Read(queue) == "abcd");
  CHECK(shared.size() == 2);
}

}  // namespace
}  // namespace praefect::http2
