#include "release.h"

#include <fmt/format.h>

#include <charconv>

namespace praefect::minigitaly {
namespace {

struct Newer {
  const char* method;
  Release since;
};

// All others are older than what can be played (12.4).
constexpr Newer kNewer[] = {
    {"/gitaly.RepositoryService/ReplicateRepository", {12, 5}},
    {"/gitaly.ObjectPoolService/GetObjectPool", {12, 5}},
    {"/gitaly.ServerService/DiskStatistics", {12, 6}},
    {"/gitaly.InternalGitaly/WalkRepos", {12, 9}},
    {"/gitaly.RepositoryService/OptimizeRepository", {13, 0}},
    {"/gitaly.BlobService/ListBlobs", {14, 1}},
    {"/gitaly.CommitService/ListCommits", {14, 2}},
    {"/gitaly.RefService/ListRefs", {14, 3}},
};

}  // namespace

absl::StatusOr<Release> ParseRelease(std::string_view text) {
  Release release;
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, release.major);
  if (major.ptr != end && *major.ptr == '.') {
    const auto minor = std::from_chars(major.ptr + 1, end, release.minor);
    if (minor.ec == std::errc() && minor.ptr == end) return release;
  }
  return absl::InvalidArgumentError(fmt::format("\"{}\" is no release such as 12.9", text));
}

std::string Text(const Release& release) {
  return fmt::format("{}.{}.0", release.major, release.minor);
}

void RemoveLaterMethods(const Release& release, MethodTable& table) {
  for (const Newer& each : kNewer) {
    if (release < each.since) table.Remove(each.method);
  }
}

}  // namespace praefect::minigitaly
