#include "growth.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "support/process.h"

namespace praefect::bench {
namespace {

constexpr double kMiB = 1 << 20;
constexpr size_t kParts = 20;

// The first third, ten minutes at most: caches fill, pools and the allocator find their size.
constexpr double kWarmUpShare = 1.0 / 3;
constexpr double kMostWarmUpSeconds = 600;
// Between the end of the warm-up and the end of the run, however long that is. A leak of 100 bytes
// a call shows in an hour; memory that fragments, and connections that come and go, stay below it.
#ifdef __SANITIZE_ADDRESS__
constexpr double kMostGrownBytes = 96 * kMiB;  // freed memory stays in quarantine
#else
constexpr double kMostGrownBytes = 16 * kMiB;
#endif
constexpr double kMostGrownDescriptors = 8;

std::vector<double> Column(const std::vector<ProcessSize>& samples, size_t ProcessSize::*of) {
  std::vector<double> column;
  for (const ProcessSize& sample : samples) column.push_back(static_cast<double>(sample.*of));
  return column;
}

}  // namespace

ProcessSize SizeOf(pid_t pid) {
  ProcessSize size;
  const std::string folder = "/proc/" + std::to_string(pid);
  std::istringstream statm(test::ReadFile(folder + "/statm"));
  size_t total = 0, resident = 0;
  statm >> total >> resident;
  size.resident_bytes = resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder + "/fd", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    size.descriptors++;
  }
  return size;
}

double Growth(const std::vector<double>& samples) {
  const size_t parts = std::min(kParts, samples.size());
  if (parts < 2) return 0;
  double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
  for (size_t part = 0; part < parts; part++) {
    const auto begin = samples.begin() + static_cast<ptrdiff_t>(samples.size() * part / parts);
    const auto end = samples.begin() + static_cast<ptrdiff_t>(samples.size() * (part + 1) / parts);
    const auto x = static_cast<double>(part);
    const double y = *std::min_element(begin, end);
    sum_x += x, sum_y += y, sum_xx += x * x, sum_xy += x * y;
  }
  const auto n = static_cast<double>(parts);
  const double slope = (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x);
  return slope * (n - 1);
}

GrowthWatch::GrowthWatch(pid_t pid) : pid_(pid) {
  thread_ = std::thread([this] {
    const auto begin = Clock::now();
    for (auto next = begin; !stop_; std::this_thread::sleep_until(next)) {
      samples_.push_back(SizeOf(pid_));
      samples_.back().seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      next += std::chrono::seconds(1);
    }
  });
}

void GrowthWatch::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

std::vector<ProcessSize> GrowthWatch::AfterWarmUp() const {
  const double warm = std::min(kMostWarmUpSeconds, samples_.back().seconds * kWarmUpShare);
  std::vector<ProcessSize> kept;
  for (const ProcessSize& sample : samples_) {
    if (sample.seconds >= warm) kept.push_back(sample);
  }
  return kept;
}

void GrowthWatch::Judge(Ledger& ledger) const {
  const std::vector<ProcessSize> samples = AfterWarmUp();
  const double bytes = Growth(Column(samples, &ProcessSize::resident_bytes));
  const double descriptors = Growth(Column(samples, &ProcessSize::descriptors));
  if (bytes > kMostGrownBytes) {
    ledger.Fail(fmt::format("memory grew by {:.1f} MiB, at most {:.0f} are allowed", bytes / kMiB,
                            kMostGrownBytes / kMiB));
  }
  if (descriptors > kMostGrownDescriptors) {
    ledger.Fail(fmt::format("descriptors grew by {:.1f}, at most {} are allowed", descriptors,
                            kMostGrownDescriptors));
  }
}

std::string GrowthWatch::Summary() const {
  const std::vector<ProcessSize> warm = AfterWarmUp();
  const auto line = [](const char* when, const ProcessSize& size) {
    return fmt::format("  {:<22} {:6.0f} s {:8.1f} MiB {:5} descriptors\n", when, size.seconds,
                       static_cast<double>(size.resident_bytes) / kMiB, size.descriptors);
  };
  return "size\n" + line("begin", samples_.front()) + line("after the warm-up", warm.front()) +
         line("end", warm.back()) +
         fmt::format("  grown after warm-up    {:+.1f} MiB, {:+.1f} descriptors\n",
                     Growth(Column(warm, &ProcessSize::resident_bytes)) / kMiB,
                     Growth(Column(warm, &ProcessSize::descriptors)));
}

}  // namespace praefect::bench
