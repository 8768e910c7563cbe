// Versions of git's wire protocol, which Praefect carries without knowing them.

#include <catch2/catch.hpp>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

// Standard error of `git ARGUMENTS` with every packet in it.
std::string Packets(const WorkingCopy& copy, const std::vector<std::string>& arguments) {
  const Outcome outcome = copy.Try(arguments, {{"GIT_TRACE_PACKET", "1"}});
  INFO(outcome.error);
  REQUIRE(outcome.exit_status == 0);
  return outcome.error;
}

TEST_CASE("Protocol version 0 announces all references at once") {
  Cluster cluster;
  const WorkingCopy pushed = cluster.CreateWithCommit("a.git");
  const WorkingCopy reader = cluster.NewWorkingCopy("a.git");
  const auto packets = Packets(reader, {"-c", "protocol.version=0", "fetch", "origin"});
  CHECK_THAT(packets, !Catch::Contains("version 2"));
  CHECK_THAT(packets, Catch::Contains("fetch< " + pushed.Id("main")));
  CHECK(reader.Objects() == pushed.Objects());
}

TEST_CASE("Protocol version 2 asks for references by name") {
  Cluster cluster;
  const WorkingCopy pushed = cluster.CreateWithCommit("a.git");
  const WorkingCopy reader = cluster.NewWorkingCopy("a.git");
  const auto packets = Packets(reader, {"-c", "protocol.version=2", "fetch", "origin"});
  CHECK_THAT(packets, Catch::Contains("fetch< version 2"));
  CHECK_THAT(packets, Catch::Contains("fetch> command=ls-refs"));
  CHECK(reader.Objects() == pushed.Objects());
}

TEST_CASE("A push works with either version") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  for (const char* version : {"protocol.version=0", "protocol.version=1", "protocol.version=2"}) {
    const std::string id = copy.Commit("README", version);
    copy.Git({"-c", version, "push", "--quiet", "origin", "main"});
    CHECK(cluster.primary().Refs("a.git").at("refs/heads/main") == id);
  }
}

}  // namespace
}  // namespace praefect::test
