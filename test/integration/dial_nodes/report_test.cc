// The report for programs.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "dialing.h"

namespace praefect::test {
namespace {

using nlohmann::json;

// A good node, one with a wrong token, one that is not there.
class Report {
 public:
  Report() {
    Dialing dialing;
    dialing.Add(good_);
    dialing.Add("gitaly-2", refusing_.address(), "wrong");
    dialing.Add("gitaly-3", "tcp://127.0.0.1:1");
    ending = dialing.Run({"-o", "json"});
    document = json::parse(ending.output);
  }

  Ending ending;
  json document;

 private:
  const NodeProcess good_{NewGitaly("gitaly-1", {"-clock-offset=20"})};
  const NodeProcess refusing_{NewGitaly("gitaly-2")};
};

TEST_CASE("one JSON document tells everything") {
  const Report report;
  CHECK(report.ending.exit_code == 1);
  CHECK(report.document.at("schema_version") == 1);
  CHECK(report.document.at("healthy") == false);
  REQUIRE(report.document.at("nodes").size() == 3);
  const json& good = report.document["nodes"][0];
  CHECK(good.at("healthy") == true);
  CHECK(good.at("diagnosis") == nullptr);
  CHECK(good.at("gitaly_version") == "18.9.0");
  CHECK(good.at("rtt_ms").get<double>() > 0);
  CHECK(good.at("clock_lead_s").get<int>() >= 18);
  CHECK(good.at("configured") ==
        json::parse(R"([{"virtual_storage": "default", "storage": "gitaly-1"}])"));
  CHECK(good.at("served").at(0).at("writable") == true);
}

TEST_CASE("the diagnosis of a broken node is its first broken step") {
  const Report report;
  const json& refusing = report.document["nodes"][1];
  CHECK(refusing.at("diagnosis") == refusing.at("steps").back());
  CHECK(refusing.at("diagnosis").at("layer") == "token");
  CHECK(refusing.at("diagnosis").at("settings") ==
        json::parse(R"(["virtual_storage \"default\" node \"gitaly-2\": token"])"));
  const json& absent = report.document["nodes"][2];
  CHECK(absent.at("diagnosis").at("layer") == "connection");
  CHECK(absent.at("rtt_ms") == nullptr);
}

}  // namespace
}  // namespace praefect::test
