// What only an operator can decide: over an exchanged disk, and over what waits for a storage that
// left.

#include <catch2/catch.hpp>

#include "e2e/operated.h"

namespace praefect::test {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

using Words = std::vector<std::string>;

class Deciding : public Operated {
 public:
  // `praefect COMMAND -virtual-storage default -storage STORAGE FLAGS`
  Outcome Decide(const std::string& command, const std::string& storage, const Words& flags = {}) {
    Words words = {command, "-virtual-storage", "default", "-storage", storage};
    words.insert(words.end(), flags.begin(), flags.end());
    return Praefect(words);
  }
  // The node comes back with a disk that somebody else has used.
  void ExchangeDisk(size_t index) {
    StorageNode& node = cluster.node(index);
    REQUIRE(node.Stop() == 0);
    node.TakeDiskAway();
    REQUIRE(Git({"init", "--bare", "--quiet", node.Folder("stranger.git").string()}).exit_status ==
            0);
    node.Start();
    REQUIRE(Finds("node \"" + node.storage() + "\" of \"default\" came back with another disk"));
    // Once all of its replicas are marked.
    REQUIRE(Eventually([&] { return Decide("accept-disk", node.storage()).exit_status == 0; }));
  }
  // The configuration is without the third node from now on; what it was.
  std::string TakeOutThird() {
    const std::string whole = cluster.config();
    cluster.Reload(whole.substr(whole.rfind("[[virtual_storage.node]]")), "");
    cluster.praefect().WaitLog("node removed");
    return whole;
  }
};

TEST_CASE("An operator gives up the old disk of a node, which then fills up again") {
  Deciding operated;
  operated.cluster.CreateWithCommit("a.git");
  REQUIRE(operated.IsWell(1));
  operated.ExchangeDisk(2);
  CHECK_THAT(operated.Praefect({"status"}).output,
             Contains("run:  praefect accept-disk -virtual-storage default -storage gitaly-3\n"));

  const Outcome told = operated.Decide("accept-disk", "gitaly-3");
  CHECK(told.exit_status == 0);
  CHECK_THAT(told.output,
             StartsWith("Storage \"gitaly-3\" of \"default\" is not on the disk of before: "
                        "1 replica is not used.\n  filesystem_id was ") &&
                 Contains("Nothing is lost") && Contains("NOTHING IS CHANGED YET"));
  CHECK(operated.Finds("came back with another disk"));

  const Outcome done = operated.Decide("accept-disk", "gitaly-3", {"-apply"});
  CHECK(done.exit_status == 0);
  CHECK_THAT(done.output, Contains("is accepted, 1 replica of the old one"));
  operated.cluster.praefect().WaitLog(
      "an operator gave up what was on the former disk of a storage");
  CHECK(operated.IsWell(1));
  CHECK(operated.cluster.node(2).Refs("a.git") == operated.cluster.primary().Refs("a.git"));
  CHECK(operated.cluster.node(2).Has("stranger.git"));
}

TEST_CASE("There is nothing to decide over a disk that is the one it was, or is not known") {
  Deciding operated;
  operated.cluster.CreateWithCommit("a.git");
  REQUIRE(operated.IsWell(1));
  const Outcome well = operated.Decide("accept-disk", "gitaly-3", {"-apply"});
  CHECK(well.exit_status == 1);
  CHECK_THAT(well.error, StartsWith("accept disk: rpc error: code = FailedPrecondition") &&
                             Contains("\"gitaly-3\" of \"default\" is not suspect"));
  CHECK_THAT(operated.Decide("accept-disk", "gitaly-9").error,
             Contains("no storage \"gitaly-9\" of a virtual storage \"default\" is configured"));
  operated.cluster.node(2).Crash();
  REQUIRE(operated.Finds("node \"gitaly-3\" of \"default\" is down"));
  CHECK_THAT(operated.Decide("accept-disk", "gitaly-3").error, Contains("bring that up first"));
  operated.cluster.node(2).Start();
}

TEST_CASE("What is on the old disk alone is named, and given up by its own word only") {
  Deciding operated;
  const WorkingCopy copy = operated.cluster.CreateWithCommit("a.git");
  REQUIRE(operated.IsWell(1));
  for (const size_t index : {1, 2}) operated.cluster.node(index).Crash();
  copy.Commit("README", "second\n");
  copy.Push({"HEAD:refs/heads/other"});
  operated.ExchangeDisk(0);
  for (const size_t index : {1, 2}) operated.cluster.node(index).Start();

  CHECK_THAT(operated.Decide("accept-disk", "gitaly-1").output,
             Contains("LOST with the old disk") &&
                 Contains("acknowledged writes of\n1 repository:\n") &&
                 Contains("  a.git (repository 1)\n") && Contains("-apply -accept-dataloss"));
  const Outcome refused = operated.Decide("accept-disk", "gitaly-1", {"-apply"});
  CHECK(refused.exit_status == 1);
  CHECK_THAT(refused.error,
             Contains("on the old disk of storage \"gitaly-1\" of \"default\" alone"));
  CHECK(operated.Finds("came back with another disk"));
  CHECK(operated.Decide("accept-disk", "gitaly-1", {"-apply", "-accept-dataloss"}).exit_status ==
        0);
  CHECK(operated.Finds("1 repository of \"default\" can be neither read nor written"));
}

TEST_CASE("A delete for a storage that left waits for it, until an operator gives it up") {
  Deciding operated;
  operated.cluster.CreateWithCommit("a.git");
  REQUIRE(operated.IsWell(1));
  operated.cluster.node(2).Crash();
  REQUIRE(operated.cluster
              .Call("RepositoryService/RemoveRepository",
                    {{{"repository", operated.cluster.Repository("a.git")}}})
              .exit_status == 0);
  CHECK_THAT(operated.Decide("give-up-deletes", "gitaly-3", {"-apply"}).error,
             Contains("storage \"gitaly-3\" of \"default\" is configured"));
  const std::string whole = operated.TakeOutThird();
  REQUIRE(operated.Finds("1 delete waits for storage \"gitaly-3\" of \"default\", which left"));

  CHECK_THAT(operated.Decide("give-up-deletes", "gitaly-3").output,
             StartsWith("1 delete waits for storage \"gitaly-3\" of \"default\", which is not "
                        "configured:\n  a.git\n"));
  CHECK(operated.Decide("give-up-deletes", "gitaly-3", {"-apply"}).exit_status == 0);
  operated.cluster.praefect().WaitLog("an operator gave up deletes that waited for a storage");
  CHECK(operated.IsWell(0));
  CHECK_THAT(operated.Decide("give-up-deletes", "gitaly-3").error, Contains("no delete waits"));

  // What was removed stays removed, although it lies there.
  operated.cluster.node(2).Start();
  operated.cluster.Reload(operated.cluster.config(), whole);
  operated.cluster.praefect().WaitLog("node added");
  REQUIRE(operated.cluster.node(2).Has("a.git"));
  CHECK(operated.cluster.TryClone("a.git").exit_status != 0);
  operated.cluster.CreateWithCommit("a.git");
  CHECK(operated.IsWell(1));
  CHECK(operated.cluster.node(2).Has("@cluster/repositories"));
}

}  // namespace
}  // namespace praefect::test
