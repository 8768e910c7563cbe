#include "proxy/access_log.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

namespace praefect::proxy {
namespace {

using observe::Level;

struct Recorder final : observe::Logger {
  bool Enabled(Level level) const override { return level >= threshold; }
  void Write(Level l, std::string_view m, std::span<const observe::Field> fields) override {
    level = l;
    message = m;
    lines++;
    for (const auto& field : fields) {
      keys.push_back(std::string(field.key));
      if (auto* text = std::get_if<std::string_view>(&field.value)) values[keys.back()] = *text;
    }
  }
  Level threshold = Level::kInfo, level = Level::kDebug;
  int lines = 0;
  std::string message;
  std::vector<std::string> keys;
  std::map<std::string, std::string> values;
};

AccessRecord Record(const http2::HeaderList& request) {
  AccessRecord record;
  record.path = "/gitaly.RefService/FindTag";
  record.request = &request;
  record.correlation_id = "01HQ";
  record.start =
      std::chrono::system_clock::time_point(std::chrono::milliseconds(1'763'769'600'123));
  return record;
}

TEST_CASE("a call is logged with upstream's message and fields") {
  http2::HeaderList request;
  request.Add("client_name", "gitlab-web");
  AccessRecord record = Record(request);
  record.deadline = std::chrono::milliseconds(1'000);
  Recorder log;
  WriteAccessLine(log, record);
  CHECK(log.message == "finished streaming call with code OK");
  CHECK(log.level == Level::kInfo);
  CHECK(log.values["grpc.service"] == "gitaly.RefService");
  CHECK(log.values["grpc.method"] == "FindTag");
  CHECK(log.values["grpc.start_time"] == "2025-11-22T00:00:00.123");
  CHECK(log.values["grpc.request.deadline"] == "2025-11-22T00:00:01.123");
  CHECK(log.values["grpc.meta.client_name"] == "gitlab-web");
  CHECK(log.values["correlation_id"] == "01HQ");
}

TEST_CASE("time in Gitaly is told apart only where a call went there") {
  http2::HeaderList request;
  AccessRecord record = Record(request);
  Recorder nowhere, somewhere;
  WriteAccessLine(nowhere, record);
  record.storage = "gitaly-1";
  WriteAccessLine(somewhere, record);
  auto has = [](const Recorder& log, const char* key) {
    return std::count(log.keys.begin(), log.keys.end(), key) == 1;
  };
  CHECK_FALSE(has(nowhere, "gitaly.time_ms"));
  CHECK(has(somewhere, "gitaly.time_ms"));
  CHECK(has(somewhere, "praefect.time_ms"));
}

TEST_CASE("levels follow the code, and successful health checks are for debugging") {
  http2::HeaderList request;
  AccessRecord record = Record(request);
  Recorder log;
  record.code = http2::StatusCode::kInternal;
  WriteAccessLine(log, record);
  CHECK(log.level == Level::kError);
  record.code = http2::StatusCode::kUnavailable;
  WriteAccessLine(log, record);
  CHECK(log.level == Level::kWarn);
  record.path = "/grpc.health.v1.Health/Check";
  record.code = http2::StatusCode::kOk;
  WriteAccessLine(log, record);
  CHECK(log.lines == 2);
}

TEST_CASE("a path without a service breaks nothing") {
  http2::HeaderList request;
  for (std::string_view path : {"", "/", "x", "/x", "//", "*"}) {
    AccessRecord record = Record(request);
    record.path = path;
    Recorder log;
    WriteAccessLine(log, record);
    CHECK(log.lines == 1);
  }
}

}  // namespace
}  // namespace praefect::proxy
