// What a stock git client downloads through Praefect.

#include <catch2/catch.hpp>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

TEST_CASE("A clone has every object and reference of what was pushed") {
  const auto transport = GENERATE(Transport::kTcp, Transport::kTls, Transport::kUnix);
  Cluster cluster({transport});
  const WorkingCopy pushed = cluster.CreateWithCommit("group/project.git");
  pushed.Commit("src", "second\n");
  pushed.Git({"branch", "topic", "HEAD~1"});
  pushed.Push({"main", "topic"});
  const WorkingCopy clone = cluster.Clone("group/project.git", {"--mirror"});
  CHECK(clone.Objects() == pushed.Objects());
  CHECK(clone.Id("main") == pushed.Id("main"));
  CHECK(clone.Id("topic") == pushed.Id("topic"));
  clone.CheckIntegrity();
}

TEST_CASE("An empty repository can be cloned") {
  Cluster cluster;
  cluster.Create("empty.git");
  const WorkingCopy clone = cluster.Clone("empty.git");
  CHECK(clone.Objects().empty());
}

TEST_CASE("A shallow clone has the last commit, and deepens to the whole history") {
  Cluster cluster;
  const WorkingCopy pushed = cluster.CreateWithCommit("a.git");
  for (const char* content : {"2", "3", "4", "5"}) pushed.Commit("README", content);
  pushed.Push({"main"});
  const WorkingCopy clone = cluster.Clone("a.git", {"--depth=1"});
  CHECK(clone.Git({"rev-list", "--count", "HEAD"}) == "1");
  clone.Git({"fetch", "--quiet", "--deepen=2"});
  CHECK(clone.Git({"rev-list", "--count", "HEAD"}) == "3");
  clone.Git({"fetch", "--quiet", "--unshallow"});
  CHECK(clone.Objects() == pushed.Objects());
  clone.CheckIntegrity();
}

TEST_CASE("A partial clone leaves the blobs out and fetches them when they are wanted") {
  Cluster cluster;
  const WorkingCopy pushed = cluster.CreateWithCommit("a.git");
  const WorkingCopy clone = cluster.Clone("a.git", {"--filter=blob:none", "--no-checkout"});
  const std::string blob = "?" + pushed.Id("HEAD:README");
  CHECK(clone.Git({"rev-list", "--objects", "--missing=print", "HEAD"}).find(blob) !=
        std::string::npos);
  clone.Git({"checkout", "--quiet", "main"});
  CHECK(ReadFile(clone.directory() / "README") == "first\n");
  CHECK(clone.Objects() == pushed.Objects());
}

TEST_CASE("A fetch brings what others pushed, and prunes what they deleted") {
  Cluster cluster;
  const WorkingCopy ada = cluster.CreateWithCommit("a.git");
  ada.Push({"main:topic"});
  const WorkingCopy grace = cluster.Clone("a.git");
  const std::string id = ada.Commit("README", "second\n");
  ada.Push({"main"});
  ada.Push({"--delete", "topic"});
  grace.Git({"fetch", "--quiet", "--prune"});
  CHECK(grace.Id("origin/main") == id);
  CHECK(grace.Try({"rev-parse", "--verify", "--quiet", "origin/topic"}).exit_status == 1);
  CHECK(grace.Objects() == ada.Objects());
}

TEST_CASE("A repository that does not exist is said to be missing, in the node's words") {
  Cluster cluster;
  const Outcome clone = cluster.TryClone("nowhere.git");
  CHECK(clone.exit_status == 128);
  CHECK_THAT(clone.error, Catch::Contains("NOT_FOUND"));
}

}  // namespace
}  // namespace praefect::test
