// Namespaces where the books say which repositories are in them: no node moves or removes anything.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

struct Namespaces : Cluster {
  Outcome Remove(const std::string& name) {
    return Call("NamespaceService/RemoveNamespace", {{{"storageName", "default"}, {"name", name}}});
  }
  Outcome Rename(const std::string& from, const std::string& to) {
    return Call("NamespaceService/RenameNamespace",
                {{{"storageName", "default"}, {"from", from}, {"to", to}}});
  }
  bool Serves(const std::string& path) { return TryClone(path).exit_status == 0; }
  // As it was before there was a Praefect.
  void InitOn(size_t index, const std::string& path) {
    REQUIRE(Git({"init", "--bare", "--quiet", "--initial-branch=main",
                 node(index).Folder(path).string()})
                .exit_status == 0);
  }
};

TEST_CASE("A namespace is renamed with all that is in it, and nothing moves on the nodes") {
  Namespaces cluster;
  cluster.CreateWithCommit("group/a.git");
  cluster.CreateWithCommit("group/sub/b.git");
  cluster.CreateWithCommit("groups/c.git");
  CHECK(cluster.Rename("group/", "other/team").exit_status == 0);
  CHECK(cluster.Serves("other/team/a.git"));
  CHECK(cluster.Serves("other/team/sub/b.git"));
  CHECK(cluster.Serves("groups/c.git"));
  CHECK_FALSE(cluster.Serves("group/a.git"));
  CHECK(cluster.primary().Has("group/a.git"));
  CHECK_FALSE(cluster.primary().Has("other/team/a.git"));
}

TEST_CASE("A namespace is renamed nowhere where something is") {
  Namespaces cluster;
  cluster.CreateWithCommit("group/a.git");
  cluster.CreateWithCommit("taken/b.git");
  cluster.InitOn(2, "unknown/c.git");
  for (const char* to : {"taken", "unknown", "group/below", "taken/b.git/below"}) {
    const Outcome refused = cluster.Rename("group", to);
    CHECK_THAT(refused.error, Catch::Contains("to directory " + std::string(to)) &&
                                  Catch::Contains("already exists (3)"));
  }
  CHECK_THAT(cluster.Rename("group", "../up").error, Catch::Contains("(3)"));
  CHECK(cluster.Serves("group/a.git"));
  CHECK(cluster.primary().Has("taken/b.git"));
  CHECK(cluster.node(2).Has("unknown/c.git"));
}

TEST_CASE("What was there before Praefect is renamed with its namespace") {
  Namespaces cluster;
  cluster.InitOn(1, "old/a.git");
  CHECK(cluster.Rename("old", "new").exit_status == 0);
  CHECK(cluster.Serves("new/a.git"));
  CHECK_FALSE(cluster.Serves("old/a.git"));
  CHECK(cluster.node(1).Has("old/a.git"));
}

TEST_CASE("A namespace is removed when nobody's repository is in it") {
  Namespaces cluster;
  cluster.CreateWithCommit("group/a.git");
  cluster.InitOn(2, "old/b.git");
  CHECK_THAT(cluster.Remove("group").error,
             Catch::Contains("\"group/a.git\" is in it") && Catch::Contains("(9)"));
  CHECK_THAT(cluster.Remove("old").error,
             Catch::Contains("\"old/b.git\" is in it") && Catch::Contains("(9)"));
  REQUIRE(cluster.Rename("group", "other").exit_status == 0);
  CHECK(cluster.Remove("group").exit_status == 0);
  CHECK(cluster.primary().Has("group/a.git"));
  CHECK(cluster.Serves("other/a.git"));
  CHECK(cluster.node(2).Has("old/b.git"));
}

TEST_CASE("While a node does not answer, nobody knows what is in a namespace") {
  Namespaces cluster;
  cluster.node(2).Crash();
  for (const Outcome& refused : {cluster.Remove("group"), cluster.Rename("group", "other")}) {
    CHECK_THAT(refused.error, Catch::Contains("has to be asked of every node") &&
                                  Catch::Contains("gitaly-3") && Catch::Contains("(14)"));
  }
}

}  // namespace
}  // namespace praefect::test
