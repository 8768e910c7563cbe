// What git says when it refuses a push travels unchanged.

#include <catch2/catch.hpp>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

TEST_CASE("A push that would lose commits is rejected by the client's git") {
  Cluster cluster;
  const WorkingCopy ada = cluster.CreateWithCommit("a.git");
  const WorkingCopy grace = cluster.Clone("a.git");
  ada.Commit("README", "Ada's\n");
  ada.Push({"main"});
  grace.Commit("README", "Grace's\n");
  const Outcome push = grace.Try({"push", "origin", "main"});
  CHECK(push.exit_status == 1);
  CHECK_THAT(push.error, Catch::Contains("! [rejected]        main -> main (fetch first)"));
  CHECK(cluster.primary().Refs("a.git").at("refs/heads/main") == ada.Id("main"));
}

TEST_CASE("A push that the node's git refuses carries its reason and its remarks") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  const std::string before = copy.Id("main");
  cluster.primary().Configure("a.git", "receive.denyNonFastForwards", "true");
  copy.Git({"commit", "--quiet", "--amend", "--message", "Rewritten"});
  const Outcome push = copy.Try({"push", "--force", "origin", "main"});
  CHECK(push.exit_status == 1);
  CHECK_THAT(push.error,
             Catch::Contains("remote: error: denying non-fast-forward refs/heads/main"));
  CHECK_THAT(push.error, Catch::Contains("! [remote rejected] main -> main (non-fast-forward)"));
  CHECK(cluster.primary().Refs("a.git").at("refs/heads/main") == before);
}

TEST_CASE("Of an atomic push all references move, or none") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  copy.Push({"main:protected"});
  cluster.primary().Configure("a.git", "receive.denyDeletes", "true");
  const auto before = cluster.primary().Refs("a.git");
  copy.Commit("README", "second\n");
  const Outcome push = copy.Try({"push", "--atomic", "origin", "main", "main:new", ":protected"});
  CHECK(push.exit_status == 1);
  CHECK_THAT(push.error, Catch::Contains("deletion prohibited"));
  CHECK(cluster.primary().Refs("a.git") == before);
  copy.Push({"--atomic", "main", "main:new"});
  CHECK(cluster.primary().Refs("a.git").at("refs/heads/new") == copy.Id("main"));
}

}  // namespace
}  // namespace praefect::test
