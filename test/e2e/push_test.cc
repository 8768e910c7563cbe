// What a stock git client uploads through Praefect, judged by the primary's disk.

#include <catch2/catch.hpp>
#include <future>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

using Refs = std::map<std::string, std::string>;

TEST_CASE("A push moves the branch on the primary's disk, and is sent to no other node") {
  const auto transport = GENERATE(Transport::kTcp, Transport::kUnix);
  Cluster cluster({transport});
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  const std::string id = copy.Commit("README", "second\n");
  copy.Push({"main"});
  CHECK(cluster.primary().Refs("a.git") == Refs{{"refs/heads/main", id}});
  CHECK(cluster.node(1).CallsOf("SSHReceivePack") == 0);
  CHECK(cluster.node(2).CallsOf("SSHReceivePack") == 0);
}

TEST_CASE("A forced push replaces the history") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  copy.Git({"commit", "--quiet", "--amend", "--message", "Rewritten"});
  CHECK(copy.Try({"push", "origin", "main"}).exit_status == 1);
  copy.Push({"--force", "main"});
  CHECK(cluster.primary().Refs("a.git").at("refs/heads/main") == copy.Id("main"));
}

TEST_CASE("Tags travel, annotated and light, by themselves and with their commits") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  copy.Git({"tag", "light"});
  copy.Git({"tag", "--annotate", "--message", "One", "v1"});
  copy.Push({"light", "v1"});
  copy.Commit("README", "second\n");
  copy.Git({"tag", "--annotate", "--message", "Two", "v2"});
  copy.Push({"--follow-tags", "main"});
  CHECK(cluster.primary().Refs("a.git") == Refs{{"refs/heads/main", copy.Id("main")},
                                                {"refs/tags/light", copy.Id("light")},
                                                {"refs/tags/v1", copy.Id("v1")},
                                                {"refs/tags/v2", copy.Id("v2")}});
  CHECK(cluster.Clone("a.git").Git({"cat-file", "-t", "v2"}) == "tag");
}

TEST_CASE("A deleted branch is gone") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  copy.Push({"main:topic"});
  REQUIRE(cluster.primary().Refs("a.git").count("refs/heads/topic") == 1);
  copy.Push({"--delete", "topic"});
  CHECK(cluster.primary().Refs("a.git") == Refs{{"refs/heads/main", copy.Id("main")}});
}

TEST_CASE("One push creates, moves and deletes references") {
  Cluster cluster;
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  copy.Push({"main:old"});
  const std::string id = copy.Commit("README", "second\n");
  copy.Push({"main", "main:new", ":old", "main:refs/notes/n"});
  CHECK(cluster.primary().Refs("a.git") ==
        Refs{{"refs/heads/main", id}, {"refs/heads/new", id}, {"refs/notes/n", id}});
}

TEST_CASE("Pushes to several repositories at once do not disturb each other") {
  Cluster cluster;
  std::vector<WorkingCopy> copies;
  for (int i = 0; i < 8; ++i) {
    copies.push_back(cluster.CreateWithCommit("r" + std::to_string(i) + ".git"));
    copies.back().Commit("README", std::to_string(i));
  }
  std::vector<std::future<Outcome>> pushes;
  for (const WorkingCopy& copy : copies) {
    pushes.push_back(std::async(std::launch::async, [&copy] {
      return copy.Try({"push", "origin", "main"});
    }));
  }
  for (auto& push : pushes) CHECK(push.get().exit_status == 0);
  for (size_t i = 0; i < copies.size(); ++i) {
    const auto refs = cluster.primary().Refs("r" + std::to_string(i) + ".git");
    CHECK(refs.at("refs/heads/main") == copies[i].Id("main"));
  }
}

}  // namespace
}  // namespace praefect::test
