// Replicas on nodes older than 13.2, which need more than one call for a copy.

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <future>

#include "e2e/cluster.h"
#include "e2e/replicas.h"

namespace praefect::test {
namespace {

using datastore::JobState;

constexpr char kCopy[] = "ReplicateRepository";
constexpr char kFetch[] = "FetchInternalRemote";

ClusterSetup Nodes(const std::string& first, const std::string& second, const std::string& third) {
  ClusterSetup setup;
  setup.releases = {{"gitaly-1", first}, {"gitaly-2", second}, {"gitaly-3", third}};
  return setup;
}

bool AreEqual(Cluster& cluster, const std::string& path, size_t references,
              const std::string& head) {
  for (size_t i = 0; i < 3; ++i) {  // HEAD is what makes it a repository, which comes in pieces
    if (!std::filesystem::exists(cluster.node(i).Folder(path) / "HEAD")) return false;
  }
  const auto refs = cluster.node(0).Refs(path);
  if (refs.size() != references) return false;
  for (size_t i = 0; i < 3; ++i) {
    if (cluster.node(i).Refs(path) != refs || cluster.node(i).Head(path) != head) return false;
  }
  return true;
}

// A file, whose content a torn copy lacks, on the primary.
void AddFile(Replicas& replicas, const std::string& path) {
  const std::string folder = "--git-dir=" + replicas.node(0).Folder(path).string();
  const auto line = [](Outcome made) {
    REQUIRE(made.exit_status == 0);
    return made.output.substr(0, made.output.find('\n'));
  };
  const std::string blob = line(Git({folder, "hash-object", "-w", "/proc/version"}));
  line(Git({folder, "update-index", "--add", "--cacheinfo", "100644," + blob + ",file"}));
  const std::string tree = line(Git({folder, "write-tree"}));
  const std::string commit = line(Git(
      {folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", "-m", "file", tree}));
  line(Git({folder, "update-ref", "refs/heads/main", commit}));
}

TEST_CASE("Nodes of every age end with equal references and HEAD") {
  const std::string first = GENERATE("12.4", "12.9", "13.12");
  const std::string others = GENERATE("12.4", "12.9");
  INFO(first << " and " << others);
  Cluster cluster(Nodes(first, others, "12.9"));
  const WorkingCopy copy = cluster.CreateWithCommit("a.git");
  CHECK(Eventually([&] { return AreEqual(cluster, "a.git", 1, "refs/heads/main"); }));
  copy.Commit("README", "second\n");
  copy.Push({"main", "main:other"});
  CHECK(Eventually([&] { return AreEqual(cluster, "a.git", 2, "refs/heads/main"); }));
  // The same commit: no checksum tells these two apart.
  const Outcome changed =
      cluster.Call("RepositoryService/WriteRef", {{{"repository", cluster.Repository("a.git")},
                                                   {"ref", "SEVBRA=="},
                                                   {"revision", "cmVmcy9oZWFkcy9vdGhlcg=="}}});
  INFO(changed.error);
  REQUIRE(changed.exit_status == 0);
  CHECK(Eventually([&] { return AreEqual(cluster, "a.git", 2, "refs/heads/other"); }));
  copy.Push({"--delete", "main"});
  CHECK(Eventually([&] { return AreEqual(cluster, "a.git", 1, "refs/heads/other"); }));
}

TEST_CASE("A new replica is copied twice and its objects are looked at; later once, and not") {
  Replicas replicas({"12.9", "12.9", "13.12"});
  const int64_t id = replicas.Make("a.git");
  REQUIRE(replicas.WaitUntilWhole(id));
  CHECK(replicas.node(1).CallsOf(kCopy) == 2);
  CHECK(replicas.node(1).CallsOf("Fsck") == 1);
  CHECK(replicas.node(2).CallsOf(kCopy) == 1);
  CHECK(replicas.node(2).CallsOf("Fsck") == 0);
  replicas.Write(id, "main");
  REQUIRE(replicas.WaitUntilWhole(id));
  CHECK(replicas.node(1).CallsOf(kCopy) == 3);
  CHECK(replicas.node(1).CallsOf("Fsck") == 1);
  CHECK(replicas.HaveEqualRefs("a.git"));
}

TEST_CASE("What a node does not know is not asked of it") {
  Replicas replicas({"12.4", "12.4", "12.9"});
  const int64_t id = replicas.Make("a.git");
  replicas.Write(id, "main");
  REQUIRE(replicas.WaitUntilWhole(id));
  CHECK(replicas.node(1).CallsOf(kCopy) == 0);
  CHECK(replicas.node(1).CallsOf(kFetch) >= 2);
  CHECK(replicas.node(1).CallsOf("GetObjectPool") == 0);
  CHECK(replicas.node(2).CallsOf(kFetch) == 0);
  CHECK(replicas.HaveEqualRefs("a.git"));
}

TEST_CASE("A copy whose objects are incomplete is removed and made anew") {
  Replicas replicas({"12.9", "12.9", "12.9"});
  for (const size_t other : {1, 2}) replicas.SetHealth(other, nodes::Health::kDown);
  const int64_t id = replicas.Make("a.git");
  AddFile(replicas, "a.git");
  replicas.node(1).SetFaults("torn-copy@ReplicateRepository");
  for (const size_t other : {1, 2}) replicas.SetHealth(other, nodes::Health::kUp);
  REQUIRE(Eventually([&] { return !replicas.JobOn(id, 1).error.empty(); }));
  CHECK(replicas.JobOn(id, 1).error.find("\"gitaly-2\": ") != std::string::npos);
  SECTION("by the next run") {
    replicas.node(1).SetFaults("");
    REQUIRE(Eventually([&] {
      // A run that began with the fault may be the second that fails, and park the job.
      if (replicas.JobOn(id, 1).state == JobState::kParked) {
        replicas.SetHealth(1, nodes::Health::kDown);
        replicas.SetHealth(1, nodes::Health::kUp);
      }
      return replicas.IsWhole(id);
    }));
    CHECK(replicas.node(1).CallsOf("RemoveRepository") >= 1);
    CHECK(replicas.HaveEqualRefs("a.git"));
  }
  SECTION("once; then it is parked until something changes") {
    REQUIRE(Eventually([&] { return replicas.JobOn(id, 1).state == JobState::kParked; }));
    CHECK(replicas.JobOn(id, 1).error.find("missing blob") != std::string::npos);
    CHECK_FALSE(replicas.node(1).Has("a.git"));
    replicas.node(1).SetFaults("");
    replicas.Write(id, "main");
    CHECK(replicas.WaitUntilWhole(id));
  }
}

TEST_CASE("What is wrong with the source as well is no fault of the copy") {
  Replicas replicas({"12.9", "12.9", "12.9"});
  const int64_t id = replicas.Make("a.git");
  REQUIRE(replicas.WaitUntilWhole(id));
  const std::string folder = "--git-dir=" + replicas.node(0).Folder("a.git").string();
  WriteFile(replicas.node(0).Folder("commit"),
            "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor a <a> 0 +000\n"
            "committer a <a> 0 +0000\n\nwith a time zone that fsck does not like\n");
  const Outcome made = Git({folder, "hash-object", "-t", "commit", "--literally", "-w",
                            replicas.node(0).Folder("commit").string()});
  REQUIRE(made.exit_status == 0);
  REQUIRE(
      Git({folder, "update-ref", "refs/heads/odd", made.output.substr(0, made.output.find('\n'))})
          .exit_status == 0);
  REQUIRE(Git({folder, "fsck"}).exit_status != 0);
  replicas.Withdraw(id, 1);
  replicas.Write(id, "main");
  REQUIRE(replicas.WaitUntilWhole(id));
  CHECK(replicas.node(0).CallsOf("Fsck") >= 1);
  CHECK(replicas.HaveEqualRefs("a.git"));
}

TEST_CASE("A node that cannot look at the objects is asked again, and its words are kept") {
  Replicas replicas({"12.9", "12.9", "12.9"});
  replicas.node(1).SetFaults("error=UNAVAILABLE@Fsck");
  const int64_t id = replicas.Make("a.git");
  REQUIRE(Eventually([&] { return replicas.JobOn(id, 1).attempts >= 2; }));
  CHECK(replicas.JobOn(id, 1).error.find("node \"gitaly-2\"") == 0);
  replicas.node(1).SetFaults("");
  CHECK(replicas.WaitUntilWhole(id));
}

TEST_CASE("A replica that is gone from an old node's disk counts as new") {
  Replicas replicas({"12.9", "12.9", "12.9"});
  const int64_t id = replicas.Make("a.git");
  REQUIRE(replicas.WaitUntilWhole(id));
  std::filesystem::remove_all(replicas.node(1).Folder("a.git"));
  replicas.Write(id, "main");
  REQUIRE(replicas.WaitUntilWhole(id));
  CHECK(replicas.node(1).CallsOf("Fsck") == 2);
  CHECK(replicas.HaveEqualRefs("a.git"));
}

TEST_CASE("A tar is not read from a replica that is tidied") {
  Replicas replicas({"12.9", "12.9", "13.12"});
  replicas.SetHealth(1, nodes::Health::kDown);
  replicas.SetHealth(2, nodes::Health::kDown);
  const int64_t id = replicas.Make("a.git");
  replicas.Write(id, "main");
  auto mark = replicas.maintenance().Begin(id, "gitaly-1");
  replicas.SetHealth(1, nodes::Health::kUp);
  REQUIRE(Eventually(
      [&] { return replicas.JobOn(id, 1).error.find("being tidied") != std::string::npos; }));
  CHECK(replicas.node(1).CallsOf(kCopy) == 0);
  SECTION("until that is over") {
    mark.reset();
    CHECK(Eventually([&] { return replicas.node(1).CallsOf(kCopy) > 0; }));
  }
  SECTION("but from another, which a newer node need not wait for") {
    replicas.SetHealth(2, nodes::Health::kUp);
    CHECK(replicas.WaitUntilWhole(id));
  }
}

TEST_CASE("Maintenance that a client has asked for is known while it lasts") {
  Cluster cluster(Nodes("12.9", "12.9", "12.9"));
  cluster.node(1).Crash();
  cluster.node(2).Crash();
  cluster.CreateWithCommit("a.git");
  cluster.primary().SetFaults("hang@Cleanup");
  auto tidied = std::async(std::launch::async, [&] {
    return cluster.Call("RepositoryService/Cleanup",
                        {{{"repository", cluster.Repository("a.git")}}},
                        {{"GITALY_CALL_TIMEOUT_MS", "60000"}});
  });
  REQUIRE(Eventually([&] { return cluster.primary().CallsOf("Cleanup") == 1; }));
  const auto put_off = [&] {
    return cluster.praefect().Metric("gitaly_praefect_replication_runs_total",
                                     {"storage=\"gitaly-2\"", "result=\"not_started\""});
  };
  cluster.node(1).Start();
  REQUIRE(Eventually([&] {
    return cluster.praefect().Metric("gitaly_praefect_node_last_healthcheck_up",
                                     {"gitaly_storage=\"gitaly-2\""}) == 1;
  }));
  const double before = put_off();
  CHECK(Eventually([&] { return put_off() > before; }));
  CHECK(cluster.node(1).CallsOf(kCopy) == 0);
  cluster.primary().Crash();
  tidied.get();
  cluster.primary().SetFaults("");
  cluster.primary().Start();
  cluster.node(2).Start();
  // It was made while two nodes could not say what lies there.
  const Outcome told =
      cluster.Call("PraefectInfoService/GetRepositoryMetadata",
                   {{{"path", {{"virtualStorage", "default"}, {"relativePath", "a.git"}}}}});
  INFO(told.error);
  REQUIRE(told.exit_status == 0);
  const std::string path = nlohmann::json::parse(told.output).at("replicaPath");
  CHECK(Eventually([&] { return AreEqual(cluster, path, 1, "refs/heads/main"); }));
}

}  // namespace
}  // namespace praefect::test
