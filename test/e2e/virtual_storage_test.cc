// Which node gets what.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

ClusterSetup TwoVirtualStorages() {
  ClusterSetup setup;
  setup.virtual_storages = {{"fast", {"fast-1", "fast-2"}}, {"slow", {"slow-1", "slow-2"}}};
  return setup;
}

TEST_CASE("Two virtual storages keep repositories of one name apart") {
  Cluster cluster(TwoVirtualStorages());
  std::map<std::string, std::string> ids;
  for (const char* storage : {"fast", "slow"}) {
    cluster.Create("a.git", storage);
    const WorkingCopy copy = cluster.NewWorkingCopy("a.git", storage);
    ids[storage] = copy.Commit("README", storage);
    copy.Push({"main"});
  }
  CHECK(cluster.node(0).Refs("a.git").at("refs/heads/main") == ids["fast"]);
  CHECK(cluster.node(2).Refs("a.git").at("refs/heads/main") == ids["slow"]);
  CHECK(cluster.Clone("a.git", {}, "slow").Id("HEAD") == ids["slow"]);
  const auto has = [&](size_t node, const std::string& id) {
    return Eventually([&] {
      return cluster.node(node).Has("a.git") && cluster.node(node).Refs("a.git").size() == 1 &&
             cluster.node(node).Refs("a.git").at("refs/heads/main") == id;
    });
  };
  CHECK((has(1, ids["fast"]) && has(3, ids["slow"])));
}

TEST_CASE("A storage that is none of Praefect's is refused before any node hears of it") {
  Cluster cluster;
  const Outcome call = cluster.Call("RepositoryService/RepositoryExists",
                                    {{{"repository", cluster.Repository("a.git", "gitaly-1")}}});
  CHECK(call.exit_status == 64 + 3);
  CHECK_THAT(call.error, Catch::Contains("storage name not found"));
  CHECK(cluster.primary().Record().empty());
  CHECK(cluster.praefect().Metric("gitaly_praefect_refusals_total",
                                  {"reason=\"unknown_virtual_storage\""}) == 1);
}

// Renaming and removing one is of the books: namespace_test.cc.
TEST_CASE("A namespace is made on every node") {
  Cluster cluster;
  CHECK(
      cluster
          .Call("NamespaceService/AddNamespace", {{{"storageName", "default"}, {"name", "group"}}})
          .exit_status == 0);
  for (size_t i = 0; i < 3; ++i) CHECK(cluster.node(i).Has("group"));
}

TEST_CASE("The error of any node is the answer of a namespace call") {
  Cluster cluster;
  cluster.node(2).SetFaults("error=INTERNAL@AddNamespace");
  const Outcome call = cluster.Call("NamespaceService/AddNamespace",
                                    {{{"storageName", "default"}, {"name", "group"}}});
  CHECK(call.exit_status == 64 + 13);
  CHECK_THAT(call.error, Catch::Contains("fault: error"));
  CHECK((cluster.node(0).Has("group") && cluster.node(1).Has("group")));
}

TEST_CASE("Repositories are created, found, renamed and removed by RPC") {
  Cluster cluster;
  cluster.CreateWithCommit("a.git");
  const nlohmann::json a = {{"repository", cluster.Repository("a.git")}};
  CHECK(cluster.Call("RepositoryService/RepositoryExists", {a}).output == "{\"exists\":true}\n");
  nlohmann::json rename = a;
  rename["relativePath"] = "b.git";
  CHECK(cluster.Call("RepositoryService/RenameRepository", {rename}).exit_status == 0);
  CHECK(cluster.Call("RepositoryService/RepositoryExists", {a}).output == "{}\n");
  CHECK(cluster.Clone("b.git").Git({"show", "HEAD:README"}) == "first");
  const nlohmann::json b = {{"repository", cluster.Repository("b.git")}};
  CHECK(cluster.Call("RepositoryService/RemoveRepository", {b}).exit_status == 0);
  CHECK(Eventually([&] { return !cluster.primary().Has("a.git"); }));  // its place on the disk
}

}  // namespace
}  // namespace praefect::test
