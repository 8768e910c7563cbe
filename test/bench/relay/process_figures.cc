#include "relay/process_figures.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "relay/failure.h"

namespace praefect::bench {
namespace {

std::string Read(pid_t pid, const char* name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (text.empty()) Fail("the process " + std::to_string(pid) + " is gone");
  return text;
}

// "Name:   12 kB" of /proc/PID/status.
int64_t StatusBytes(pid_t pid, const std::string& name) {
  const std::string status = Read(pid, "status");
  return std::stoll(status.substr(status.find("\n" + name + ":") + name.size() + 2)) << 10;
}

}  // namespace

int64_t ProcessFigures::cpu_us() const {
  int64_t ticks = 0;
  for (const pid_t pid : pids_) {
    const std::string stat = Read(pid, "stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));  // the third field and on
    std::string field;
    for (int i = 3; i < 14; ++i) fields >> field;
    int64_t user = 0, system = 0;
    fields >> user >> system;
    ticks += user + system;
  }
  return ticks * 1'000'000 / sysconf(_SC_CLK_TCK);
}

int64_t ProcessFigures::resident_bytes() const {
  int64_t bytes = 0;
  for (const pid_t pid : pids_) bytes += StatusBytes(pid, "VmRSS");
  return bytes;
}

int64_t ProcessFigures::peak_resident_bytes() const {
  int64_t bytes = 0;
  for (const pid_t pid : pids_) bytes += StatusBytes(pid, "VmHWM");
  return bytes;
}

}  // namespace praefect::bench
