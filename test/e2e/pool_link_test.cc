// Copies of a repository that borrows objects from a pool.

#include <catch2/catch.hpp>
#include <fstream>

#include "e2e/replicas.h"

namespace praefect::test {
namespace {

namespace fs = std::filesystem;
using datastore::JobState;

constexpr char kPool[] =
    "@pools/aa/bb/aabb0000000000000000000000000000000000000000000000000000000000.git";

fs::path Alternates(StorageNode& node) {
  return node.Folder("a.git") / "objects" / "info" / "alternates";
}

// As LinkRepositoryToObjectPool has it done on the primary.
void Link(Replicas& replicas) {
  fs::create_directories(Alternates(replicas.node(0)).parent_path());
  const fs::path pool = replicas.node(0).Folder(kPool) / "objects";
  const fs::path objects = replicas.node(0).Folder("a.git") / "objects";
  std::ofstream(Alternates(replicas.node(0))) << pool.lexically_relative(objects).string() << "\n";
}

// As DisconnectGitAlternates.
void Unlink(Replicas& replicas) {
  const std::string folder = "--git-dir=" + replicas.node(0).Folder("a.git").string();
  REQUIRE(Git({folder, "repack", "-a", "-d", "-q"}).exit_status == 0);
  fs::remove(Alternates(replicas.node(0)));
}

bool IsLinked(StorageNode& node) {
  std::ifstream in(Alternates(node));
  std::string line;
  return std::getline(in, line) && line.find(kPool) != std::string::npos;
}

TEST_CASE("A link to an object pool is on every node where the pool is current, and goes with it") {
  Replicas replicas;
  const int64_t pool = replicas.Make(kPool);
  replicas.Write(pool, "shared");
  const int64_t member = replicas.Make("a.git");
  REQUIRE(replicas.WaitUntilWhole(pool));
  Link(replicas);
  replicas.Write(member, "main");
  REQUIRE(replicas.WaitUntilWhole(member));
  CHECK(IsLinked(replicas.node(1)));
  CHECK(IsLinked(replicas.node(2)));

  Unlink(replicas);
  replicas.Write(member, "other");
  REQUIRE(replicas.WaitUntilWhole(member));
  CHECK_FALSE(fs::exists(Alternates(replicas.node(1))));
  CHECK_FALSE(fs::exists(Alternates(replicas.node(2))));
  CHECK(replicas.HaveEqualRefs("a.git"));
}

TEST_CASE("The member's copy waits for the pool's, and says so") {
  Replicas replicas;
  const int64_t pool = replicas.Make(kPool);
  const int64_t member = replicas.Make("a.git");
  REQUIRE(replicas.WaitUntilWhole(pool));
  REQUIRE(replicas.WaitUntilWhole(member));
  // Permanent: it is parked until the fault is gone and something changes.
  replicas.node(1).SetFaults("error=UNIMPLEMENTED@ReplicateRepository\n");
  replicas.Write(pool, "shared");
  REQUIRE(Eventually([&] { return replicas.JobOn(pool, 1).state == JobState::kParked; }));
  Link(replicas);
  replicas.Write(member, "main");
  CHECK(Eventually([&] {
    return replicas.JobOn(member, 1).error.find("waits for its object pool") != std::string::npos;
  }));
  CHECK(Eventually([&] { return replicas.JobOn(member, 2).state == JobState::kNone; }));
  CHECK(IsLinked(replicas.node(2)));
  CHECK_FALSE(IsLinked(replicas.node(1)));

  replicas.node(1).SetFaults("");
  replicas.Write(pool, "more");
  REQUIRE(replicas.WaitUntilWhole(pool));
  REQUIRE(replicas.WaitUntilWhole(member));
  CHECK(IsLinked(replicas.node(1)));
}

TEST_CASE("A pool that nobody recorded is not linked to, and holds no copy up") {
  Replicas replicas;
  const int64_t member = replicas.Make("a.git");
  REQUIRE(Git({"init", "--bare", "--quiet", replicas.node(0).Folder(kPool).string()}).exit_status ==
          0);
  Link(replicas);
  replicas.Write(member, "main");
  REQUIRE(replicas.WaitUntilWhole(member));
  CHECK_FALSE(IsLinked(replicas.node(1)));
  CHECK(replicas.HaveEqualRefs("a.git"));
}

}  // namespace
}  // namespace praefect::test
