#include "gitaly/wire.h"

#include <catch2/catch.hpp>

namespace praefect::gitaly {
namespace {

using namespace std::literals;

// Numbers of the fields of `bytes`, -1 at the end when they are malformed.
std::vector<int> Numbers(std::string_view bytes) {
  WireReader reader(bytes, 0, bytes.size());
  std::vector<int> numbers;
  for (WireField field; reader.Next(field);) numbers.push_back(static_cast<int>(field.number()));
  if (!reader.ok()) numbers.push_back(-1);
  return numbers;
}

TEST_CASE("every wire type is stepped over") {
  CHECK(Numbers("") == std::vector<int>{});
  CHECK(Numbers("\x08\x96\x01"sv) == std::vector{1});
  CHECK(Numbers("\x11"
                "12345678"
                "\x1A\x02xy"
                "\x25"
                "1234"sv) == std::vector{2, 3, 4});
  CHECK(Numbers("\x0B\x08\x01\x13\x14\x0C\x12\x00"sv) == std::vector{1, 2});
}

TEST_CASE("malformed fields are refused") {
  CHECK(Numbers("\x08"sv) == std::vector{-1});                      // no value
  CHECK(Numbers("\x08\x80"sv) == std::vector{-1});                  // a varint without end
  CHECK(Numbers("\x0A\x05xy"sv) == std::vector{-1});                // longer than the message
  CHECK(Numbers("\x0D\x00\x00"sv) == std::vector{-1});              // short fixed32
  CHECK(Numbers("\x00\x00"sv) == std::vector{-1});                  // field number 0
  CHECK(Numbers("\x0C"sv) == std::vector{-1});                      // end of no group
  CHECK(Numbers("\x0B\x14"sv) == std::vector{-1});                  // end of another group
  CHECK(Numbers("\x0B\x08\x01"sv) == std::vector{-1});              // group without end
  CHECK(Numbers("\x0E\x00"sv) == std::vector{-1});                  // wire type 6
  CHECK(Numbers("\xFF\xFF\xFF\xFF\x7F\x00"sv) == std::vector{-1});  // tag beyond 32 bits
  CHECK(Numbers("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"sv) == std::vector{-1});
  CHECK(Numbers("\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"sv) == std::vector{-1});
}

TEST_CASE("groups are followed to protobuf's depth and no further") {
  const auto nested = [](size_t depth) {
    return std::string(depth, '\x0B') + std::string(depth, '\x0C');
  };
  CHECK(Numbers(nested(100)) == std::vector{1});
  CHECK(Numbers(nested(101)) == std::vector{-1});
  CHECK(Numbers(nested(1'000'000)) == std::vector{-1});
}

TEST_CASE("a varint is written as it is read") {
  for (const uint64_t value : {0ull, 1ull, 127ull, 128ull, 300ull, 1ull << 35, ~0ull}) {
    std::string bytes = "\x08";
    AppendVarint(value, bytes);
    CHECK(bytes.size() == 1 + VarintSize(value));
    CHECK(Numbers(bytes) == std::vector{1});
  }
}

TEST_CASE("UTF-8 is told from what is not") {
  CHECK(IsUtf8(""));
  CHECK(IsUtf8("a\0b"sv));
  CHECK(IsUtf8("gr\u00fc\u00df \u20ac \U0001F600 \uD7FF \uE000 \U0010FFFF"));
  for (const std::string_view text :
       {"\x80"sv, "\xC3"sv, "\xC3("sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xE0\x9F\xBF"sv,
        "\xED\xA0\x80"sv, "\xE2\x82"sv, "\xF0\x8F\xBF\xBF"sv, "\xF4\x90\x80\x80"sv,
        "\xF5\x80\x80\x80"sv, "\xFF"sv, "\xF0\x9F\x98"sv}) {
    CHECK_FALSE(IsUtf8(text));
  }
}

}  // namespace
}  // namespace praefect::gitaly
