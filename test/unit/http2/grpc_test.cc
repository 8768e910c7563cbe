#include "http2/grpc.h"

#include <catch2/catch.hpp>

namespace praefect::http2 {
namespace {

using std::chrono::milliseconds;

TEST_CASE("timeouts of every unit are read, rounded up to milliseconds") {
  CHECK(ParseTimeout("2H") == milliseconds(7'200'000));
  CHECK(ParseTimeout("3M") == milliseconds(180'000));
  CHECK(ParseTimeout("4S") == milliseconds(4'000));
  CHECK(ParseTimeout("5m") == milliseconds(5));
  CHECK(ParseTimeout("1u") == milliseconds(1));
  CHECK(ParseTimeout("1500001n") == milliseconds(2));
  CHECK(ParseTimeout("99999999H").has_value());
}

TEST_CASE("malformed timeouts are none") {
  for (const char* text : {"", "S", "5", "5s", "-5S", "123456789S", "5 S", "1.5S", "S5"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseTimeout(text).has_value());
  }
}

TEST_CASE("a timeout that is written can be read, whatever its size") {
  for (int64_t ms : {0L, 1L, 99'999'999L, 100'000'000L, 99'999'999'000L, 400'000'000'000L}) {
    auto back = ParseTimeout(FormatTimeout(milliseconds(ms)));
    REQUIRE(back.has_value());
    CHECK(*back <= milliseconds(ms));
    CHECK(*back >= milliseconds(ms - ms / 100));
  }
  CHECK(FormatTimeout(milliseconds(-3)) == "0m");
}

TEST_CASE("messages survive percent-encoding byte for byte") {
  std::string all;
  for (int c = 0; c < 256; c++) all.push_back(static_cast<char>(c));
  CHECK(PercentDecode(PercentEncode(all)) == all);
  CHECK(PercentEncode("50% – ok") == "50%25 %E2%80%93 ok");
  CHECK(PercentDecode("a%zzb%4") == "a%zzb%4");
}

TEST_CASE("status codes are read and named") {
  CHECK(ParseStatus("0") == StatusCode::kOk);
  CHECK(ParseStatus("16") == StatusCode::kUnauthenticated);
  CHECK(ParseStatus("17") == StatusCode::kUnknown);
  CHECK_FALSE(ParseStatus("").has_value());
  CHECK_FALSE(ParseStatus("1x").has_value());
  CHECK(StatusName(StatusCode::kDeadlineExceeded) == "DeadlineExceeded");
}

TEST_CASE("HTTP answers and stream errors map as the gRPC documents say") {
  CHECK(StatusFromHttp("503") == StatusCode::kUnavailable);
  CHECK(StatusFromHttp("404") == StatusCode::kUnimplemented);
  CHECK(StatusFromHttp("500") == StatusCode::kUnknown);
  CHECK(StatusFromHttp2Error(0x8) == StatusCode::kCanceled);
  CHECK(StatusFromHttp2Error(0x7) == StatusCode::kUnavailable);
  CHECK(StatusFromHttp2Error(0xb) == StatusCode::kResourceExhausted);
  CHECK(StatusFromHttp2Error(0xc) == StatusCode::kPermissionDenied);
  CHECK(StatusFromHttp2Error(0x1) == StatusCode::kInternal);
}

TEST_CASE("a message prefix is a flag and a big-endian length") {
  uint8_t bytes[kMessagePrefix];
  WritePrefix(bytes, {1, 0x01020304});
  CHECK(bytes[1] == 1);
  CHECK(ReadPrefix(bytes).flag == 1);
  CHECK(ReadPrefix(bytes).length == 0x01020304);
}

TEST_CASE("messages are counted whatever the pieces they come in") {
  std::string stream;
  for (const uint32_t length : {0u, 1u, 300u, 0u, 7u}) {
    uint8_t prefix[kMessagePrefix];
    WritePrefix(prefix, {0, length});
    stream.append(reinterpret_cast<const char*>(prefix), sizeof prefix).append(length, 'x');
  }
  const size_t piece = GENERATE(1, 2, 3, 4, 5, 6, 7, 100, 1'000);
  MessageCounter counter;
  for (size_t at = 0; at < stream.size(); at += piece) {
    const std::string bytes = stream.substr(at, piece);
    counter.Follow(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  CHECK(counter.messages() == 5);
}

TEST_CASE("a message is counted when it is there to its end") {
  MessageCounter counter;
  const uint8_t bytes[] = {0, 0, 0, 0, 2, 'a', 'b'};
  counter.Follow(bytes, sizeof bytes - 1);
  CHECK(counter.messages() == 0);
  counter.Follow(bytes + sizeof bytes - 1, 1);
  CHECK(counter.messages() == 1);
}

}  // namespace
}  // namespace praefect::http2
