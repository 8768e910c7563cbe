// What `praefect status` prints of an answer.

#include "status_report.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace praefect::cmd {
namespace {

using Catch::Matchers::Contains;

// One node with 12 repositories, of which one is behind.
api::StatusResponse Answer() {
  api::StatusResponse status;
  status.set_version("0.1.0");
  api::Books& books = *status.mutable_books();
  books.set_engine("embedded store");
  books.set_instance(3);
  books.set_latency_microseconds(412);
  books.set_connections(3);
  books.set_open_writes(1);
  books.set_oldest_write_seconds(130);
  api::VirtualStorage& storage = *status.add_virtual_storages();
  storage.set_name("default");
  storage.set_repositories(12);
  storage.set_repositories_behind(1);
  api::Node& node = *storage.add_nodes();
  node.set_storage("gitaly-1");
  node.set_primary(true);
  node.set_health("up");
  node.set_version("16.11.2");
  node.set_current(11);
  node.set_behind(1);
  node.set_address("tcp://10.0.0.11:8075");
  api::Jobs& jobs = *storage.add_jobs();
  jobs.set_storage("gitaly-1");
  jobs.set_kind("copy");
  jobs.set_state("parked");
  jobs.set_count(1);
  jobs.set_oldest_seconds(7'500);
  jobs.set_last_error("no space\nleft \033[31m");
  return status;
}

api::StatusResponse BadAnswer() {
  api::StatusResponse status = Answer();
  api::Finding& finding = *status.add_findings();
  finding.set_severity(api::Finding::ERROR);
  finding.set_what("node \"gitaly-1\" is down");
  finding.set_reason("nothing listens there");
  finding.set_next("see which layer is broken");
  finding.set_command("praefect dial-nodes -virtual-storage default");
  return status;
}

TEST_CASE("the report of a cluster that is well") {
  CHECK(StatusReportText(Answer(), "unix:/run/praefect.sock") ==
        "Nothing is wrong.\n"
        "\n"
        "Praefect  0.1.0 at unix:/run/praefect.sock, instance 3\n"
        "Database  embedded store, answers in 0.4 ms; 3 connections, 0 busy, 0 waiting\n"
        "Writes    1 open, 0 lingering, the oldest for 2 min\n"
        "\n"
        "Virtual storage \"default\": 12 repositories, 11 current, 1 behind, 0 unavailable\n"
        "  NODE                STATE  CURRENT  BEHIND  NONE  PRIMARY OF  GITALY   ADDRESS\n"
        "  gitaly-1 (primary)  up     11       1       0     0           16.11.2  "
        "tcp://10.0.0.11:8075\n"
        "\n"
        "  JOBS TO   KIND  STATE   COUNT  OLDEST     LAST ERROR\n"
        "  gitaly-1  copy  parked  1      2 h 5 min  no space\\nleft \\x1b[31m\n");
}

TEST_CASE("what is wrong comes first, with why and what to do") {
  CHECK_THAT(StatusReportText(BadAnswer(), "a"),
             Catch::Matchers::StartsWith("1 error:\n"
                                         "\n"
                                         "ERROR    node \"gitaly-1\" is down\n"
                                         "         why:  nothing listens there\n"
                                         "         next: see which layer is broken\n"
                                         "         run:  praefect dial-nodes -virtual-storage "
                                         "default\n"
                                         "\n"));
}

TEST_CASE("what cannot be counted is not told as nothing") {
  api::StatusResponse status = Answer();
  status.mutable_books()->set_problem("the database cannot be read (connect)");
  const std::string text = StatusReportText(status, "a");
  CHECK_THAT(text, Contains("Database  embedded store, AWAY: the database cannot be read"));
  CHECK_THAT(text, Contains("Virtual storage \"default\"\n"));
  CHECK_THAT(text, Contains("up     ?        ?       ?     ?"));
}

TEST_CASE("unavailable repositories are listed, as far as they were sent") {
  api::StatusResponse status = Answer();
  api::VirtualStorage& storage = *status.mutable_virtual_storages(0);
  storage.set_repositories_unavailable(5);
  api::Unavailable& each = *storage.add_unavailable();
  each.set_relative_path("a.git");
  each.set_repository_id(7);
  const std::string text = StatusReportText(status, "a");
  CHECK_THAT(text, Contains("a.git") && Contains("none") && Contains("and 4 more"));
}

TEST_CASE("for programs it is one document with the names of the API") {
  const auto json = nlohmann::json::parse(StatusReportJson(BadAnswer()));
  CHECK(json["schema_version"] == 1);
  CHECK(json["ok"] == false);
  CHECK(json["findings"][0]["severity"] == "error");
  CHECK(json["books"]["latency_microseconds"] == 412);
  CHECK(json["virtual_storages"][0]["nodes"][0]["primary"] == true);
  CHECK(json["virtual_storages"][0]["jobs"][0]["oldest_seconds"] == 7'500);
  CHECK(json["virtual_storages"][0]["unavailable"].empty());
  CHECK(nlohmann::json::parse(StatusReportJson(Answer()))["ok"] == true);
}

TEST_CASE("no answer is a document too") {
  const auto json = nlohmann::json::parse(
      StatusErrorJson("tcp://127.0.0.1:2305", absl::UnavailableError("connection refused")));
  CHECK(json["ok"] == false);
  CHECK(json["error"]["message"] ==
        "get status: rpc error: code = Unavailable desc = connection refused");
  CHECK_THAT(json["error"]["to_do"].get<std::string>(), Contains("tcp://127.0.0.1:2305"));
}

}  // namespace
}  // namespace praefect::cmd
