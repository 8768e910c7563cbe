#include "proxy/first_message.h"

#include <zlib.h>

#include <catch2/catch.hpp>
#include <string>

#include "http2/grpc.h"

namespace praefect::proxy {
namespace {

std::string Framed(const std::string& message, uint8_t flag = 0) {
  std::string bytes(http2::kMessagePrefix, '\0');
  http2::WritePrefix(reinterpret_cast<uint8_t*>(bytes.data()),
                     {flag, static_cast<uint32_t>(message.size())});
  return bytes + message;
}

std::string Gzip(const std::string& text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

http2::MemoryMeter meter;

size_t Append(FirstMessage& message, const std::string& bytes) {
  return message.Append(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

FirstMessage::Result Read(const std::string& bytes, std::string_view encoding,
                          uint64_t max_bytes = 1'000) {
  FirstMessage message(max_bytes, meter);
  Append(message, bytes);
  REQUIRE(message.complete());
  auto result = message.Open(encoding);
  result.refusal.hint = std::string(result.message);  // outlives `message`
  return result;
}

TEST_CASE("a message that comes byte by byte is complete with its last byte") {
  FirstMessage message(1'000, meter);
  for (char c : Framed("hello")) {
    CHECK_FALSE(message.complete());
    CHECK(Append(message, std::string(1, c)) == 1);
  }
  CHECK(message.complete());
  CHECK(message.Open("").message == "hello");
}

TEST_CASE("what is collected is counted until it is given up") {
  REQUIRE(meter.bytes == 0);
  {
    FirstMessage message(1'000, meter);
    Append(message, Framed("hello") + "more");
    CHECK(meter.bytes == 10);
  }
  CHECK(meter.bytes == 0);
}

TEST_CASE("bytes after the message are not taken") {
  FirstMessage message(1'000, meter);
  CHECK(Append(message, Framed("one") + Framed("two")) == 8);
  CHECK(Append(message, "more") == 0);
}

TEST_CASE("an empty message is complete, no message is not") {
  FirstMessage message(1'000, meter);
  CHECK(message.empty());
  Append(message, Framed(""));
  CHECK(message.complete());
  CHECK_FALSE(message.empty());
}

TEST_CASE("a message above the bound is known by its prefix and not collected") {
  FirstMessage message(4, meter);
  CHECK(Append(message, Framed("12345")) == http2::kMessagePrefix);
  CHECK(message.too_long());
  FirstMessage at_the_bound(4, meter);
  Append(at_the_bound, Framed("1234"));
  CHECK(at_the_bound.complete());
  CHECK_FALSE(at_the_bound.too_long());
}

TEST_CASE("a gzip message is inflated") {
  auto result = Read(Framed(Gzip("hello, hello, hello"), 1), "gzip");
  CHECK(result.ok);
  CHECK(result.refusal.hint == "hello, hello, hello");
}

TEST_CASE("a small message that inflates above the bound is refused") {
  std::string bomb = Gzip(std::string(1 << 20, 'x'));
  auto result = Read(Framed(bomb, 1), "gzip", bomb.size());
  CHECK_FALSE(result.ok);
  CHECK(result.refusal.code == absl::StatusCode::kResourceExhausted);
}

TEST_CASE("broken, cut and trailing gzip data is refused") {
  std::string good = Gzip("hello");
  for (std::string bad : {std::string("junk"), good.substr(0, good.size() - 3), good + "x"}) {
    auto result = Read(Framed(bad, 1), "gzip");
    CHECK_FALSE(result.ok);
    CHECK(result.refusal.code == absl::StatusCode::kInternal);
  }
}

TEST_CASE("only gzip is understood; a flag without an encoding or of an unknown kind is an error") {
  CHECK(Read(Framed("x", 1), "zstd").refusal.code == absl::StatusCode::kUnimplemented);
  CHECK(Read(Framed("x", 1), "").refusal.code == absl::StatusCode::kInternal);
  CHECK(Read(Framed("x", 1), "identity").refusal.code == absl::StatusCode::kInternal);
  CHECK(Read(Framed("x", 7), "gzip").refusal.code == absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace praefect::proxy
