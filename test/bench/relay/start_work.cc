#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "relay/callers.h"
#include "relay/failure.h"
#include "relay/sockets.h"

namespace praefect::bench {
namespace {

constexpr int64_t kPauseNs = 2'000'000;
constexpr int64_t kLongestNs = 30'000'000'000;

// One call on a connection of its own; whatever goes wrong is expected.
class Attempt : public CallObserver {
 public:
  explicit Attempt(const Target& target) : target_(target) {}

  bool Succeeds() {
    const int fd = Connect(target_.port);
    if (fd < 0) return false;
    Client client(poller_, fd, target_, {}, *this);
    client.Start(call_, kMethods.front());
    client.Flush();
    while (!over_) poller_.RunOnce(NowNs() + kLongestNs);
    return succeeded_;
  }

 private:
  void OnFinished(Call&) override { over_ = succeeded_ = true; }
  void OnFailed(Call&, const std::string&) override { over_ = true; }

  const Target& target_;
  Poller poller_;
  Call call_;
  bool over_ = false, succeeded_ = false;
};

pid_t Run(const std::vector<std::string>& program, int cpu) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  if (cpu >= 0) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    sched_setaffinity(0, sizeof(cpus), &cpus);
  }
  std::vector<char*> arguments;
  for (const std::string& argument : program)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

void RunStart(const WorkOptions& options, const std::vector<std::string>& program, int cpu) {
  const int64_t begin_ns = NowNs();
  const pid_t pid = Run(program, cpu);
  bool succeeded = false;
  for (int64_t next_ns = begin_ns; !succeeded; next_ns += kPauseNs) {
    const timespec pause{0, std::max<int64_t>(0, next_ns - NowNs()) % 1'000'000'000};
    nanosleep(&pause, nullptr);
    succeeded = Attempt(options.target).Succeeds();
    if (NowNs() - begin_ns > kLongestNs || waitpid(pid, nullptr, WNOHANG) == pid) break;
  }
  const double seconds = static_cast<double>(NowNs() - begin_ns) / 1e9;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  if (!succeeded) Fail("no OK answer came");
  fmt::print("{{\"seconds\": {:.6f}}}\n", seconds);
}

}  // namespace praefect::bench
