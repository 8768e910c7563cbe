// Much data, in little memory.

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "e2e/cluster.h"
#include "e2e/held_clone.h"
#include "e2e/large_repository.h"

namespace praefect::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryMeansSomething = false;  // sanitizers keep what was freed
#else
constexpr bool kMemoryMeansSomething = true;
#endif

// Of which most is what Praefect touches for the first time; its buffers are a few windows.
constexpr size_t kMaxGrowthBytes = 16 << 20;

// How far Praefect's resident memory rose above where it was at first, looked at all the time.
class MemoryWatch {
 public:
  explicit MemoryWatch(const PraefectDaemon& praefect)
      : praefect_(praefect), before_(praefect.resident_bytes()), thread_([this] { Watch(); }) {}
  ~MemoryWatch() { Growth(); }

  size_t Growth() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return most_ > before_ ? most_ - before_ : 0;
  }

 private:
  void Watch() {
    do {
      most_ = std::max(most_, praefect_.resident_bytes());
      PauseBetweenLooks();
    } while (!stop_);
  }

  const PraefectDaemon& praefect_;
  const size_t before_;
  size_t most_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

void CheckGrowth(MemoryWatch& watch) {
  const size_t growth = watch.Growth();
  if (kMemoryMeansSomething) {
    CHECK(growth < kMaxGrowthBytes);
  } else {
    WARN("memory is not judged under a sanitizer");
  }
}

TEST_CASE("A large repository is pushed and cloned whole, in little memory") {
  const auto transport = GENERATE(Transport::kTcp, Transport::kUnix);
  Cluster cluster({transport});
  const WorkingCopy pushed = cluster.CreateWithCommit("large.git");
  CommitRandomFiles(pushed, LARGE_MEBIBYTES);
  MemoryWatch watch(cluster.praefect());
  pushed.Push({"main"});
  const WorkingCopy clone = cluster.Clone("large.git", {"--bare"});
  CheckGrowth(watch);
  CHECK(clone.Objects() == pushed.Objects());
  clone.CheckIntegrity();
  CHECK(cluster.primary().Refs("large.git").at("refs/heads/main") == pushed.Id("main"));
}

TEST_CASE("A client that stops reading costs little memory and holds nobody else up") {
  Cluster cluster;
  const WorkingCopy pushed = cluster.CreateWithCommit("large.git");
  CommitRandomFiles(pushed, 20);
  pushed.Push({"main"});
  cluster.CreateWithCommit("small.git");
  MemoryWatch watch(cluster.praefect());
  HeldClone held(cluster, "large.git");
  CHECK(cluster.Clone("small.git").Git({"show", "HEAD:README"}) == "first");
  CHECK(cluster.Clone("large.git", {"--bare"}).Objects() == pushed.Objects());
  CheckGrowth(watch);
  CHECK(held.LetGoAndWait().exit_status == 0);
}

}  // namespace
}  // namespace praefect::test
