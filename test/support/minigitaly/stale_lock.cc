#include "stale_lock.h"

#include <fstream>
#include <vector>

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

void PlantLock(const fs::path& file) {
  std::error_code error;
  fs::path lock = file;
  lock += ".lock";
  fs::create_directories(lock.parent_path(), error);
  std::ofstream(lock).close();
  fs::last_write_time(lock, fs::file_time_type::clock::now() - std::chrono::hours(1), error);
}

std::vector<fs::path> FilesBelow(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (entry.is_regular_file(error)) files.push_back(entry.path());
  }
  return files;
}

// References may be loose files or lines of packed-refs.
std::vector<fs::path> References(const fs::path& repository) {
  std::vector<fs::path> references = FilesBelow(repository / "refs");
  std::ifstream packed(repository / "packed-refs");
  for (std::string line; std::getline(packed, line);) {
    const size_t name = line.find(" refs/");
    if (line[0] != '#' && name != std::string::npos) {
      references.push_back(repository / line.substr(name + 1));
    }
  }
  return references;
}

}  // namespace

void StaleLocks::Leave(const RequestTarget& target) {
  const auto path = storages_.Path(target.storage, target.path);
  if (!path.ok() || !IsRepository(*path)) return;
  {
    std::lock_guard lock(mutex_);
    if (!done_.insert(path->string()).second) return;
  }
  for (const fs::path& reference : References(*path)) PlantLock(reference);
  PlantLock(*path / "HEAD");
  PlantLock(*path / "packed-refs");
}

int RemoveStaleLocks(const fs::path& repository) {
  std::vector<fs::path> candidates = FilesBelow(repository / "refs");
  for (const char* name : {"HEAD.lock", "packed-refs.lock", "config.lock", "index.lock"}) {
    candidates.push_back(repository / name);
  }
  int removed = 0;
  const auto youngest = fs::file_time_type::clock::now() - kStaleLockAge;
  for (const fs::path& file : candidates) {
    std::error_code error;
    if (file.extension() != ".lock" || fs::last_write_time(file, error) > youngest || error)
      continue;
    if (fs::remove(file, error)) ++removed;
  }
  return removed;
}

}  // namespace praefect::minigitaly
