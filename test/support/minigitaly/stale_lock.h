#pragma once

// Lock files as a git that was killed leaves them: the fault that plants them, and the housekeeping
// that removes old ones.

#include <chrono>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>

#include "method_table.h"
#include "storages.h"

namespace praefect::minigitaly {

// A lock older than this belongs to nobody, says Gitaly.
inline constexpr std::chrono::minutes kStaleLockAge{15};

class StaleLocks {
 public:
  explicit StaleLocks(const Storages& storages) : storages_(storages) {}

  // Puts lock files an hour old in the way of HEAD, packed-refs and every reference that is there,
  // once per repository in the life of the process: what removed them must be able to last.
  void Leave(const RequestTarget& target);

 private:
  const Storages& storages_;
  std::mutex mutex_;  // guards done_
  std::set<std::string> done_;
};

// Removes lock files older than kStaleLockAge. Returns how many.
int RemoveStaleLocks(const std::filesystem::path& repository);

}  // namespace praefect::minigitaly
