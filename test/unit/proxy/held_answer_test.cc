#include "proxy/held_answer.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

namespace praefect::proxy {
namespace {

std::string Framed(const std::string& message) {
  std::string framed(http2::kMessagePrefix, '\0');
  http2::WritePrefix(reinterpret_cast<uint8_t*>(framed.data()),
                     {0, static_cast<uint32_t>(message.size())});
  return framed + message;
}

struct Answer {
  // Hands it `bytes` in pieces of so many, and collects what passes.
  std::string Pass(const std::string& bytes, size_t piece) {
    std::string passed;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      const size_t size = std::min(piece, bytes.size() - at);
      http2::Block* block = pool.GetSized(static_cast<uint32_t>(size));
      memcpy(block->data(), bytes.data() + at, size);
      passed += Text(held.Take(http2::Slice(block, block->data(), size)));
      http2::BlockPool::Release(block);
    }
    return passed;
  }
  static std::string Text(const http2::Slice& slice) {
    return {reinterpret_cast<const char*>(slice.data()), slice.size()};
  }
  std::string Released() {
    std::string text;
    http2::SliceQueue queue = held.Release();
    for (size_t i = 0; i < queue.count(); i++) text += Text(queue.at(i));
    return text;
  }

  http2::MemoryMeter meter;
  http2::BlockPool pool{64, meter};
  HeldAnswer held;
};

TEST_CASE("the first message passes, in whatever pieces it comes, and the rest is held") {
  const size_t piece = GENERATE(1, 2, 5, 7, 1'000);
  const std::string first = Framed(GENERATE(as<std::string>(), "", "x", "a longer one"));
  const std::string rest = Framed("second") + Framed("third");
  CAPTURE(piece, first);
  Answer answer;
  CHECK(answer.Pass(first, piece).size() == first.size());
  CHECK(answer.held.empty());
  CHECK(answer.Pass(rest, piece).empty());
  CHECK(answer.Released() == rest);
}

TEST_CASE("a piece may hold the end of the first message and more") {
  Answer answer;
  const std::string all = Framed("first") + Framed("second");
  CHECK(answer.Pass(all, all.size()) == Framed("first"));
  CHECK(answer.Released() == Framed("second"));
}

}  // namespace
}  // namespace praefect::proxy
