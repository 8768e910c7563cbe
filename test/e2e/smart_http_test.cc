// git's protocol as Workhorse carries it: one request and one answer at a time.

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

using nlohmann::json;

std::string PacketLine(const std::string& text) {
  return fmt::format("{:04x}{}", text.size() + 4, text);
}

// All `data` of a stream of answers in JSON.
std::string Data(const Outcome& outcome) {
  INFO(outcome.error);
  REQUIRE(outcome.exit_status == 0);
  std::string all;
  std::istringstream answers(outcome.output);
  for (std::string line; std::getline(answers, line);) {
    std::string bytes;
    REQUIRE(absl::Base64Unescape(json::parse(line).value("data", ""), &bytes));
    all += bytes;
  }
  return all;
}

// Puts a pack into a repository.
void Unpack(const WorkingCopy& copy, const std::string& pack) {
  const auto file = copy.directory() / ".git/objects/pack/pack-1.pack";
  WriteFile(file, pack);
  copy.Git({"index-pack", file});
}

TEST_CASE("SmartHTTP announces references") {
  Cluster cluster;
  const WorkingCopy pushed = cluster.CreateWithCommit("a.git");
  const std::string answer = Data(cluster.Call("SmartHTTPService/InfoRefsUploadPack",
                                               {{{"repository", cluster.Repository("a.git")}}}));
  CHECK_THAT(answer, Catch::StartsWith(PacketLine("# service=git-upload-pack\n") + "0000"));
  CHECK_THAT(answer, Catch::Contains(pushed.Id("main") + " refs/heads/main\n"));
}

TEST_CASE("SmartHTTP sends a pack that has every object") {
  Cluster cluster;
  const WorkingCopy pushed = cluster.CreateWithCommit("a.git");
  const std::string want =
      PacketLine("want " + pushed.Id("main") + " no-progress\n") + "0000" + PacketLine("done\n");
  const std::string answer = Data(cluster.Call(
      "SmartHTTPService/PostUploadPack",
      {{{"repository", cluster.Repository("a.git")}}, {{"data", absl::Base64Escape(want)}}}));
  const std::string nak = PacketLine("NAK\n");
  REQUIRE_THAT(answer, Catch::StartsWith(nak + "PACK"));
  const WorkingCopy reader = cluster.NewWorkingCopy("a.git");
  Unpack(reader, answer.substr(nak.size()));
  reader.Git({"update-ref", "refs/heads/main", pushed.Id("main")});
  CHECK(reader.Objects() == pushed.Objects());
}

TEST_CASE("SmartHTTP receives a command, and answers git's report") {
  Cluster cluster;
  const WorkingCopy pushed = cluster.CreateWithCommit("a.git");
  pushed.Push({"main:topic"});
  const std::string id = pushed.Id("main");
  const std::string remove =
      PacketLine(id + " " + std::string(40, '0') + " refs/heads/topic" + '\0' + "report-status") +
      "0000";
  const std::string answer =
      Data(cluster.Call("SmartHTTPService/PostReceivePack",
                        {{{"repository", cluster.Repository("a.git")}, {"glId", "user-1"}},
                         {{"data", absl::Base64Escape(remove)}}}));
  CHECK(answer == PacketLine("unpack ok\n") + PacketLine("ok refs/heads/topic\n") + "0000");
  CHECK(cluster.primary().Refs("a.git").count("refs/heads/topic") == 0);
}

}  // namespace
}  // namespace praefect::test
