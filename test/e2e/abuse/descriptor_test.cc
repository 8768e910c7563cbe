// Descriptors run out.

#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <sstream>

#include "e2e/abuse/endings.h"
#include "e2e/abuse/site.h"

namespace praefect::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr char kCannotAccept[] = "cannot accept connections, which wait until it works again";
constexpr uint64_t kBystanderCalls = 100;  // a second and more

// Of a running process, until this object goes.
class OpenFilesLimit {
 public:
  OpenFilesLimit(pid_t pid, rlim_t limit) : pid_(pid) {
    rlimit wanted{};
    prlimit(pid_, RLIMIT_NOFILE, nullptr, &before_);
    wanted = before_;
    wanted.rlim_cur = limit;
    REQUIRE(prlimit(pid_, RLIMIT_NOFILE, &wanted, nullptr) == 0);
  }
  ~OpenFilesLimit() { prlimit(pid_, RLIMIT_NOFILE, &before_, nullptr); }

 private:
  const pid_t pid_;
  rlimit before_{};
};

// The kernel gives out the lowest number that is free, and none from the limit on.
rlim_t LimitThatLeaves(int free, pid_t pid) {
  std::set<rlim_t> used;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    used.insert(std::stoul(entry.path().filename()));
  }
  rlim_t limit = 0;
  while (free > 0) free -= used.count(limit++) == 0 ? 1 : 0;
  return limit;
}

// Of all threads, in user mode and in the kernel.
double CpuSeconds(pid_t pid) {
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

TEST_CASE("Praefect raises its limit of open files as far as it may, and says when that is few") {
  constexpr rlim_t kConnections = 10'000'000;
  rlimit ours{};
  getrlimit(RLIMIT_NOFILE, &ours);
  std::optional<Site> site;
  {
    const OpenFilesLimit few(getpid(), 256);
    site.emplace(std::vector<Site::OtherNode>(),
                 "max_connections = " + std::to_string(kConnections));
  }
  CHECK(site->praefect().Metric("process_max_fds") == static_cast<double>(ours.rlim_max));
  const auto log = site->praefect().Log();
  const bool said = std::any_of(log.begin(), log.end(), [](const nlohmann::json& line) {
    return line.value("key", "") == "limits.max_connections";
  });
  CHECK(said == (ours.rlim_max < kConnections));
}

TEST_CASE("Without descriptors new connections wait, and everything else goes on") {
  Site site;
  PraefectDaemon& praefect = site.praefect();
  RawClient before(site.address());
  {
    const OpenFilesLimit few(praefect.pid(), LimitThatLeaves(4, praefect.pid()));
    std::vector<Socket> sockets;
    for (int i = 0; i < 60; ++i) sockets.push_back(Dial(site.address()));
    praefect.WaitLog(kCannotAccept);

    const auto began = Clock::now();
    const double cpu = CpuSeconds(praefect.pid());
    CHECK(site.bystander().Reaches(site.bystander().calls() + kBystanderCalls));
    const uint32_t stream = before.Open(kBranch, site.Authorized());
    before.connection().SendMessage(stream, RequestFor(kSteady), true);
    CHECK(EndOf(before.connection(), stream) == "status 0");
    const std::chrono::duration<double> took = Clock::now() - began;
    CHECK(CpuSeconds(praefect.pid()) - cpu < took.count() / 2);  // it waits, it does not spin

    const auto log = praefect.Log();
    const auto lines = std::count_if(log.begin(), log.end(), [](const nlohmann::json& line) {
      return line.value("msg", "") == kCannotAccept;
    });
    CHECK(static_cast<double>(lines) <= 2 + took.count() / 10);

    sockets.clear();
    CHECK(site.Call(kSteady) == "status 0");
  }
  CHECK(praefect.Metric("gitaly_praefect_accept_failures_total") >= 1);
  before.connection().Close();
  site.CheckUnharmed();
}

}  // namespace
}  // namespace praefect::test
