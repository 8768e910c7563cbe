#include "config/duration.h"

#include <catch2/catch.hpp>

namespace praefect::config {
namespace {

using namespace std::chrono_literals;

std::chrono::nanoseconds Parsed(std::string_view text) {
  const auto duration = ParseDuration(text);
  INFO(text);
  REQUIRE(duration.ok());
  return *duration;
}

std::string Refusal(std::string_view text) {
  return std::string(ParseDuration(text).status().message());
}

}  // namespace

TEST_CASE("durations are Go's strings") {
  CHECK(Parsed("0") == 0s);
  CHECK(Parsed("1h30m") == 90min);
  CHECK(Parsed("1.5s") == 1500ms);
  CHECK(Parsed("300ms") == 300ms);
  CHECK(Parsed("2us") == 2us);
  CHECK(Parsed("2\u00b5s") == 2us);
  CHECK(Parsed("2\u03bcs") == 2us);
  CHECK(Parsed(".5h") == 30min);
  CHECK(Parsed("5.s") == 5s);
  CHECK(Parsed("1m1m") == 2min);
}

TEST_CASE("durations have a sign") {
  CHECK(Parsed("-5m") == -5min);
  CHECK(Parsed("+5m") == 5min);
  CHECK(Parsed("-0") == 0s);
}

TEST_CASE("the longest duration is Go's") {
  CHECK(Parsed("9223372036854775807ns").count() == 9223372036854775807);
  CHECK(Refusal("9223372036854775808ns") == "time: invalid duration \"9223372036854775808ns\"");
  CHECK_FALSE(ParseDuration("2562048h").ok());
  CHECK_FALSE(ParseDuration("99999999999999999999999h").ok());
}

TEST_CASE("what is wrong with a duration is said as Go says it") {
  CHECK(Refusal("") == "time: invalid duration \"\"");
  CHECK(Refusal("-") == "time: invalid duration \"-\"");
  CHECK(Refusal("five") == "time: invalid duration \"five\"");
  CHECK(Refusal(".s") == "time: invalid duration \".s\"");
  CHECK(Refusal("5") == "time: missing unit in duration \"5\"");
  CHECK(Refusal("1h5") == "time: missing unit in duration \"1h5\"");
  CHECK(Refusal("5 m") == "time: unknown unit \" m\" in duration \"5 m\"");
  CHECK(Refusal("1d") == "time: unknown unit \"d\" in duration \"1d\"");
}

TEST_CASE("durations are printed as Go prints them") {
  const auto print = [](int64_t milliseconds) {
    return FormatDuration(std::chrono::milliseconds(milliseconds));
  };
  CHECK(print(0) == "0s");
  CHECK(print(300) == "300ms");
  CHECK(print(1500) == "1.5s");
  CHECK(print(60'000) == "1m0s");
  CHECK(print(5'400'000) == "1h30m0s");
  CHECK(print(-300'000) == "-5m0s");
  CHECK(print(360'000'001) == "100h0m0.001s");
}

}  // namespace praefect::config
