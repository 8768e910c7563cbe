// Answers that tell names: clients hear those by which they ask, wherever a repository lies.

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

namespace fs = std::filesystem;

constexpr char kPool[] =
    "@pools/aa/bb/aabb0000000000000000000000000000000000000000000000000000000000.git";

struct ToldNames : Cluster {
  Outcome TryWalk() { return Call("InternalGitaly/WalkRepos", {{{"storageName", "default"}}}); }
  std::multiset<std::string> Walk() {
    const Outcome walked = TryWalk();
    INFO(walked.error);
    REQUIRE(walked.exit_status == 0);
    std::multiset<std::string> paths;
    std::istringstream lines(walked.output);
    for (std::string line; std::getline(lines, line);) {
      const auto told = nlohmann::json::parse(line);
      CHECK(told.contains("modificationTime"));
      paths.insert(told["relativePath"].get<std::string>());
    }
    return paths;
  }
  // As it was before there was a Praefect.
  void InitOn(size_t index, const std::string& path) {
    REQUIRE(Git({"init", "--bare", "--quiet", "--initial-branch=main",
                 node(index).Folder(path).string()})
                .exit_status == 0);
  }

  void CallOk(const std::string& method, const nlohmann::json& request) {
    const Outcome outcome = Call(method, {request});
    INFO(method << ": " << outcome.error);
    REQUIRE(outcome.exit_status == 0);
  }
  nlohmann::json Pool() { return {{"repository", Repository(kPool)}}; }
  void CreatePool(const std::string& origin) {
    CallOk("ObjectPoolService/CreateObjectPool",
           {{"objectPool", Pool()}, {"origin", Repository(origin)}});
  }
  void Link(const std::string& member) {
    CallOk("ObjectPoolService/LinkRepositoryToObjectPool",
           {{"objectPool", Pool()}, {"repository", Repository(member)}});
  }
  nlohmann::json PoolOf(const std::string& member) {
    const Outcome asked =
        Call("ObjectPoolService/GetObjectPool", {{{"repository", Repository(member)}}});
    INFO(asked.error);
    REQUIRE(asked.exit_status == 0);
    return nlohmann::json::parse(asked.output);
  }
};

TEST_CASE("A storage is walked by the names that clients know, and by what nobody recorded") {
  ToldNames cluster;
  cluster.CreateWithCommit("group/a.git");
  cluster.CallOk("NamespaceService/RenameNamespace",
                 {{"storageName", "default"}, {"from", "group"}, {"to", "other"}});
  cluster.CreateWithCommit("placed-elsewhere");
  cluster.CreateWithCommit("gone.git");
  for (size_t i : {0, 1, 2}) cluster.node(i).SetFaults("error=UNAVAILABLE@RemoveRepository\n");
  cluster.CallOk("RepositoryService/RemoveRepository",
                 {{"repository", cluster.Repository("gone.git")}});
  cluster.InitOn(1, "old/b.git");
  cluster.InitOn(2, "old/b.git");
  CHECK(cluster.Walk() ==
        std::multiset<std::string>{"old/b.git", "other/a.git", "placed-elsewhere"});
  CHECK(cluster.primary().Has("gone.git"));
  CHECK(cluster.TryClone("old/b.git").exit_status == 0);
}

TEST_CASE("A storage with many repositories is walked to its end") {
  ToldNames cluster;
  constexpr int kMany = 1'000;
  const std::string long_name(150, 'x');
  cluster.InitOn(1, "template.git");
  const fs::path made = cluster.node(1).Folder("template.git");
  fs::remove_all(made / "hooks");
  for (int i = 0; i < kMany; ++i) {
    const fs::path folder = cluster.node(1).Folder(long_name + std::to_string(i) + ".git");
    fs::copy(made, folder, fs::copy_options::recursive);
  }
  CHECK(cluster.Walk().size() == kMany + 1);
}

TEST_CASE("While a node does not answer, nobody knows what lies on the storage") {
  ToldNames cluster;
  cluster.CreateWithCommit("a.git");
  cluster.node(2).Crash();
  CHECK_THAT(cluster.TryWalk().error, Catch::Contains("has to be asked of every node") &&
                                          Catch::Contains("gitaly-3") && Catch::Contains("(14)"));
}

TEST_CASE("A node that is known to be down is not waited for when a storage is walked") {
  ToldNames cluster;
  cluster.node(2).Freeze();
  const std::string named = "node \"gitaly-3\" at " + cluster.node(2).address() + ": ";
  CHECK(Eventually([&] { return cluster.TryWalk().error.find(named) != std::string::npos; }));
  const Outcome removed = cluster.Call("NamespaceService/RemoveNamespace",
                                       {{{"storageName", "default"}, {"name", "group"}}});
  CHECK_THAT(removed.error, Catch::Contains(named));
  cluster.node(2).Thaw();
}

TEST_CASE("A pool is told by its own name, wherever it lies") {
  ToldNames cluster;
  WorkingCopy copy = cluster.CreateWithCommit("a.git");
  const bool elsewhere = GENERATE(true, false);
  // Nobody can say then whether the pool's own path is free there.
  if (elsewhere) cluster.node(2).Crash();
  cluster.CreatePool("a.git");
  CHECK(cluster.primary().Has(kPool) != elsewhere);
  CHECK(cluster.PoolOf("a.git") == nlohmann::json::object());
  cluster.Link("a.git");
  CHECK(cluster.PoolOf("a.git") == nlohmann::json{{"objectPool", cluster.Pool()}});
  CHECK(cluster.Clone("a.git").Git({"rev-parse", "HEAD"}) == copy.Git({"rev-parse", "HEAD"}));
}

TEST_CASE("A pool that is being removed is no repository's any more") {
  ToldNames cluster;
  cluster.CreateWithCommit("a.git");
  cluster.CreatePool("a.git");
  cluster.Link("a.git");
  for (size_t i : {0, 1, 2}) cluster.node(i).SetFaults("error=UNAVAILABLE@RemoveRepository\n");
  cluster.CallOk("ObjectPoolService/DeleteObjectPool", {{"objectPool", cluster.Pool()}});
  CHECK(cluster.primary().Has(kPool));
  CHECK(cluster.PoolOf("a.git") == nlohmann::json::object());
}

TEST_CASE("A pool that nobody recorded is told by where it lies") {
  ToldNames cluster;
  cluster.CreateWithCommit("a.git");
  cluster.InitOn(0, kPool);
  const fs::path link = cluster.primary().Folder("a.git") / "objects" / "info" / "alternates";
  const fs::path pool = cluster.primary().Folder(kPool) / "objects";
  std::ofstream(link) << pool.lexically_relative(link.parent_path().parent_path()).string() << "\n";
  CHECK(cluster.PoolOf("a.git") == nlohmann::json{{"objectPool", cluster.Pool()}});
}

}  // namespace
}  // namespace praefect::test
