#include "observe/line.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

namespace praefect::observe {
namespace {

// 2026-11-22T03:53:51.918Z
const LineHead kHead{
    std::chrono::system_clock::time_point(std::chrono::milliseconds(1795319631918)), Level::kInfo,
    42};

std::string Text(std::string_view message, std::vector<Field> fields, LineHead head = kHead) {
  std::string out;
  AppendTextLine(out, head, message, fields);
  return out;
}

nlohmann::json Json(std::string_view message, std::vector<Field> fields, LineHead head = kHead) {
  std::string out;
  AppendJsonLine(out, head, message, fields);
  CHECK(out.back() == '\n');
  CHECK(out.find('\n') == out.size() - 1);
  return nlohmann::json::parse(out);
}

TEST_CASE("a text line has logrus' form") {
  CHECK(Text("finished call", {{"grpc.method", "WriteRef"},
                               {"grpc.time_ms", 166.431},
                               {"peer.address", "127.0.0.1:1"},
                               {"bytes", uint64_t{100}},
                               {"delta", int64_t{-3}},
                               {"late", true}}) ==
        "time=\"2026-11-22T03:53:51.918Z\" level=info msg=\"finished call\" grpc.method=WriteRef "
        "grpc.time_ms=166.431 peer.address=\"127.0.0.1:1\" bytes=100 delta=-3 late=true pid=42\n");
}

TEST_CASE("a JSON line keeps types") {
  const nlohmann::json line = Json("listening", {{"address", "127.0.0.1:9190"},
                                                 {"time_ms", 0.25},
                                                 {"bytes", std::numeric_limits<uint64_t>::max()},
                                                 {"late", false}});
  CHECK(line["time"] == "2026-11-22T03:53:51.918Z");
  CHECK(line["level"] == "info");
  CHECK(line["msg"] == "listening");
  CHECK(line["pid"] == 42);
  CHECK(line["address"] == "127.0.0.1:9190");
  CHECK(line["time_ms"] == 0.25);
  CHECK(line["bytes"] == std::numeric_limits<uint64_t>::max());
  CHECK(line["late"] == false);
}

TEST_CASE("numbers are as short as they can be") {
  const std::pair<double, const char*> numbers[] = {{0, "0"},
                                                    {-0.25, "-0.25"},
                                                    {1, "1"},
                                                    {12.5, "12.5"},
                                                    {0.001, "0.001"},
                                                    {166.43, "166.43"},
                                                    {0.0005, "0.0005"},
                                                    {1.0 / 3, "0.3333333333333333"},
                                                    {999.999, "999.999"},
                                                    {1e12, "1000000000000"},
                                                    {1e300, "1e+300"},
                                                    {1e-300, "1e-300"}};
  for (const auto& [number, text] : numbers) {
    CHECK(Text("x", {{"number", number}}).find(std::string(" number=") + text + " pid") !=
          std::string::npos);
  }
  for (int64_t microseconds = 0; microseconds < 3'000'000; microseconds += 997) {
    const double milliseconds = static_cast<double>(microseconds) / 1'000;
    CHECK(Text("x", {{"ms", milliseconds}}).find(fmt::format(" ms={} pid", milliseconds)) !=
          std::string::npos);
  }
}

TEST_CASE("what needs an escape is found at any place of a value") {
  for (char c : {'"', '\\', '\n', '\x1f', '\x7f', '\0'}) {
    for (size_t at = 0; at < 20; at++) {
      std::string value(20, '~');
      value[at] = c;
      CHECK(Json("m", {{"v", value}})["v"] == value);
    }
  }
  const std::string long_value(300, 'x');
  CHECK(Json("m", {{"v", long_value}})["v"] == long_value);
}

TEST_CASE("numbers that JSON does not know are null") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(Json("m", {{"x", nan}, {"y", std::numeric_limits<double>::infinity()}})["x"].is_null());
}

TEST_CASE("levels have logrus' names") {
  const std::pair<Level, std::string> names[] = {{Level::kDebug, "debug"},
                                                 {Level::kInfo, "info"},
                                                 {Level::kWarn, "warning"},
                                                 {Level::kError, "error"},
                                                 {Level::kFatal, "fatal"}};
  for (const auto& [level, name] : names) {
    LineHead head = kHead;
    head.level = level;
    CHECK(Text("m", {}, head).find(" level=" + name + " ") != std::string::npos);
    CHECK(Json("m", {}, head)["level"] == name);
  }
}

TEST_CASE("times before a round second and at the epoch") {
  const auto shown = [](int64_t milliseconds) {
    std::string out;
    AppendTime(out, std::chrono::system_clock::time_point(std::chrono::milliseconds(milliseconds)));
    return out;
  };
  CHECK(shown(0) == "1970-01-01T00:00:00.000Z");
  CHECK(shown(951827696007) == "2000-02-29T12:34:56.007Z");
}

TEST_CASE("a long value is cut and the line says so") {
  const std::string value(kMaxValueBytes + 1, 'x');
  const std::string line = Text("m", {{"path", value}, {"next", "here"}});
  CHECK(line.find("xxx...[cut, 4097 bytes in all]\" next=here pid=42\n") != std::string::npos);
  CHECK(line.size() < kMaxValueBytes + 200);
  CHECK(Json("m", {{"path", value}})["path"].get<std::string>().size() < kMaxValueBytes + 50);
  CHECK(Text(std::string(kMaxMessageBytes + 1, 'm'), {}).find("...[cut, ") != std::string::npos);
}

TEST_CASE("no byte in message or value breaks the line") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const std::string line = Text(bytes, {{"path", bytes}});
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(line.find('\0') == std::string::npos);
  CHECK(Json(bytes, {{"path", bytes}})["path"].is_string());
}

}  // namespace
}  // namespace praefect::observe
