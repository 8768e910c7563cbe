// What a node says of its storages, against what is expected of it.

#include "nodes/storage_judgement.h"

#include <catch2/catch.hpp>

#include "inspected_server.h"

namespace praefect::nodes {
namespace {

using Catch::Matchers::Contains;
using Info = ::gitaly::ServerInfoResponse;
using Strings = std::vector<std::string>;

class Answer {
 public:
  Answer& Serve(const std::string& name, bool readable = true, bool writable = true) {
    auto* status = info_.add_storage_statuses();
    status->set_storage_name(name);
    status->set_readable(readable);
    status->set_writeable(writable);
    return *this;
  }
  StorageJudgement Judge(const GitalyServer& server = Server()) const {
    return JudgeStorages(server, info_);
  }

 private:
  Info info_;
};

Inspection InspectionOf(const GitalyServer& server, const std::string& filesystem_id) {
  Inspection inspection;
  inspection.server = server;
  for (const auto& node : server.nodes) {
    inspection.served.push_back({node.storage, true, true, filesystem_id});
  }
  return inspection;
}

TEST_CASE("a node that serves what is expected is consistent, in upstream's words") {
  const auto judgement = Answer().Serve("gitaly-2").Judge();
  CHECK(judgement.lines ==
        Strings{"SUCCESS: confirmed Gitaly storage \"gitaly-2\" in virtual storages [default] is "
                "served",
                "SUCCESS: node configuration is consistent!"});
  for (const Step& step : judgement.steps) CHECK(step.outcome == Step::Outcome::kGood);
  CHECK(judgement.steps.back().layer == Layer::kWritable);
}

TEST_CASE("a storage of two virtual storages is confirmed for both") {
  const auto server = Server("tcp://a:1", {{"one", "gitaly-2"}, {"two", "gitaly-2"}});
  CHECK_THAT(Answer().Serve("gitaly-2").Judge(server).lines.at(0),
             Contains("in virtual storages [one two] is served"));
}

TEST_CASE("a storage that is not served is missing, and its neighbour's name is suggested") {
  const auto judgement = Answer().Serve("gitaly_2").Judge();
  CHECK(judgement.lines ==
        Strings{"ERROR: configured storage was not reported by remote: \"gitaly-2\"",
                "ERROR: consistency check failed"});
  REQUIRE(judgement.steps.size() == 1);
  CHECK(IsBroken(judgement.steps[0], Layer::kStorages));
  CHECK_THAT(judgement.steps[0].message, Contains("it serves \"gitaly_2\""));
  CHECK(judgement.steps[0].settings ==
        Strings{"virtual_storage \"default\" node \"gitaly-2\": storage"});
  CHECK_THAT(judgement.steps[0].hint, Contains("write \"gitaly_2\""));
}

TEST_CASE("a Praefect where a Gitaly should be is recognised") {
  CHECK_THAT(Answer().Serve("default").Judge().steps.at(0).hint, Contains("looks like a Praefect"));
}

TEST_CASE("a node without storages serves nothing") {
  const auto judgement = Answer().Judge();
  CHECK(judgement.lines.at(0) == "ERROR: remote has no configured storages");
  CHECK_THAT(judgement.steps.at(0).message, Contains("it serves nothing"));
}

TEST_CASE("a storage that is named twice is an error") {
  const auto judgement = Answer().Serve("gitaly-2").Serve("gitaly-2").Judge();
  CHECK(judgement.lines.at(1) == "ERROR: remote has duplicated storage: \"gitaly-2\"");
  CHECK(judgement.lines.back() == "ERROR: consistency check failed");
  CHECK(IsBroken(judgement.steps.at(0), Layer::kStorages));
}

TEST_CASE("a storage that nobody asked for is a note, whatever its state") {
  const auto judgement = Answer().Serve("gitaly-2").Serve("spare", false, false).Judge();
  CHECK(judgement.lines.back() == "SUCCESS: node configuration is consistent!");
  CHECK(judgement.steps.at(1).outcome == Step::Outcome::kNote);
  CHECK_THAT(judgement.steps.at(1).message, Contains("also serves \"spare\""));
}

TEST_CASE("reading and writing are told apart, and neither is a setting's fault") {
  const auto unreadable = Answer().Serve("gitaly-2", false, false).Judge();
  CHECK(unreadable.lines.at(0) == "ERROR: storage \"gitaly-2\" is not readable or writable");
  CHECK(IsBroken(unreadable.steps.back(), Layer::kReadable));
  const auto unwritable = Answer().Serve("gitaly-2", true, false).Judge();
  CHECK(unwritable.lines.at(0) == "ERROR: storage \"gitaly-2\" is not readable or writable");
  CHECK(IsBroken(unwritable.steps.back(), Layer::kWritable));
  CHECK(unwritable.steps.back().settings.empty());
}

TEST_CASE("two nodes of a virtual storage on one disk are both broken") {
  std::vector<Inspection> inspections{
      InspectionOf(Server("tcp://a:1", {{"default", "gitaly-1"}}), "same"),
      InspectionOf(Server("tcp://b:1", {{"default", "gitaly-2"}}), "same"),
      InspectionOf(Server("tcp://c:1", {{"default", "gitaly-3"}}), "other")};
  JudgeSharedPlaces(inspections);
  REQUIRE_FALSE(inspections[0].good());
  CHECK_THAT(inspections[0].broken()->message, Contains("\"gitaly-2\" of tcp://b:1"));
  REQUIRE_FALSE(inspections[1].good());
  CHECK(inspections[1].broken()->settings ==
        Strings{"virtual_storage \"default\" node \"gitaly-2\": address",
                "virtual_storage \"default\" node \"gitaly-1\": address"});
  CHECK(inspections[2].good());
}

TEST_CASE("one disk for two virtual storages, or of unknown identity, says nothing") {
  std::vector<Inspection> inspections{
      InspectionOf(Server("tcp://a:1", {{"one", "gitaly-1"}}), "same"),
      InspectionOf(Server("tcp://b:1", {{"two", "gitaly-1"}}), "same"),
      InspectionOf(Server("tcp://c:1", {{"one", "gitaly-2"}}), ""),
      InspectionOf(Server("tcp://d:1", {{"one", "gitaly-3"}}), "")};
  JudgeSharedPlaces(inspections);
  for (const Inspection& inspection : inspections) CHECK(inspection.good());
}

}  // namespace
}  // namespace praefect::nodes
