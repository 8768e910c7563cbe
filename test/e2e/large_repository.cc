#include "e2e/large_repository.h"

#include <random>
#include <string>

namespace praefect::test {
namespace {

constexpr size_t kMebibyte = 1 << 20;
constexpr size_t kFileMebibytes = 10;
constexpr int kSmallFiles = 300;

std::string RandomBytes(std::mt19937_64& random, size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
    const uint64_t word = random();
    bytes.replace(i, sizeof word, reinterpret_cast<const char*>(&word), sizeof word);
  }
  return bytes;
}

}  // namespace

void CommitRandomFiles(const WorkingCopy& copy, size_t mebibytes) {
  std::mt19937_64 random(mebibytes);
  copy.Git({"config", "core.compression", "0"});
  copy.Git({"config", "core.bigFileThreshold", "1m"});
  for (size_t done = 0; done < mebibytes; done += kFileMebibytes) {
    const size_t size = std::min(kFileMebibytes, mebibytes - done) * kMebibyte;
    WriteFile(copy.directory() / ("large-" + std::to_string(done)), RandomBytes(random, size));
  }
  for (int i = 0; i < kSmallFiles; ++i) {
    WriteFile(copy.directory() / ("small-" + std::to_string(i)), std::to_string(random()));
  }
  copy.Git({"add", "--all"});
  copy.Git({"commit", "--quiet", "--message", "Much"});
}

}  // namespace praefect::test
