#include "observe/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace praefect::observe {
namespace {

using prometheus::MetricType;

struct ProcessStat {
  double cpu_ticks = 0;
  double start_ticks = 0;  // after boot
  double virtual_bytes = 0;
  double resident_pages = 0;
};

// Numbers of the fields as in proc(5); the second one holds the program's name, which may contain
// anything, so counting starts behind its closing parenthesis.
std::optional<ProcessStat> ReadStat() {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  ProcessStat stat;
  std::string field;
  for (int number = 3; number <= 24 && fields >> field; ++number) {
    const double value = std::strtod(field.c_str(), nullptr);
    if (number == 14 || number == 15) stat.cpu_ticks += value;
    if (number == 22) stat.start_ticks = value;
    if (number == 23) stat.virtual_bytes = value;
    if (number == 24) stat.resident_pages = value;
  }
  return stat;
}

std::optional<double> ReadBootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("btime ", 0) == 0) return std::strtod(line.c_str() + 6, nullptr);
  }
  return std::nullopt;
}

std::optional<double> CountOpenFiles() {
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  double count = 0;
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    ++count;
  }
  if (error) return std::nullopt;
  return count - 1;  // one of them is the directory that is being read
}

std::optional<double> MaxOpenFiles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

class Families {
 public:
  void Add(const char* name, const char* help, MetricType type, std::optional<double> value) {
    if (!value) return;
    prometheus::ClientMetric metric;
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = *value;
    families_.push_back({name, help, type, {metric}});
  }
  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

void AddStat(Families& families, const ProcessStat& stat) {
  const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  families.Add("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
               MetricType::Counter, stat.cpu_ticks / ticks_per_second);
  families.Add("process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::Gauge,
               stat.resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE)));
  families.Add("process_virtual_memory_bytes", "Virtual memory size in bytes.", MetricType::Gauge,
               stat.virtual_bytes);
  if (const std::optional<double> boot = ReadBootTime()) {
    families.Add("process_start_time_seconds",
                 "Start time of the process since unix epoch in seconds.", MetricType::Gauge,
                 *boot + stat.start_ticks / ticks_per_second);
  }
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  Families families;
  if (const std::optional<ProcessStat> stat = ReadStat()) AddStat(families, *stat);
  families.Add("process_open_fds", "Number of open file descriptors.", MetricType::Gauge,
               CountOpenFiles());
  families.Add("process_max_fds", "Maximum number of open file descriptors.", MetricType::Gauge,
               MaxOpenFiles());
  return families.Take();
}

}  // namespace praefect::observe
