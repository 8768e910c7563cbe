#include "object_pool.h"

#include <fstream>

#include "git.h"
#include "storages.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

fs::path AlternatesFile(const fs::path& repository) {
  return repository / "objects" / "info" / "alternates";
}

// Canonical; empty without.
fs::path PoolOf(const fs::path& repository) {
  std::ifstream in(AlternatesFile(repository));
  std::string line;
  if (!std::getline(in, line) || line.empty()) return {};
  std::error_code error;
  const fs::path objects = fs::weakly_canonical(repository / "objects" / line, error);
  return objects.parent_path();
}

}  // namespace

absl::StatusOr<std::string> LinkedPool(const fs::path& storage, const fs::path& repository) {
  const fs::path pool = PoolOf(repository);
  if (pool.empty()) return std::string();
  const fs::path relative = pool.lexically_relative(storage);
  if (relative.empty() || *relative.begin() == "..") {
    return absl::InternalError("the object pool lies outside of the storage");
  }
  return relative.string();
}

absl::Status LinkToPool(const fs::path& repository, const fs::path& pool) {
  if (!IsRepository(pool)) {
    return absl::FailedPreconditionError("object pool is not a valid git repository");
  }
  const fs::path present = PoolOf(repository);
  if (present == pool) return absl::OkStatus();
  if (!present.empty()) {
    return absl::FailedPreconditionError("repository is linked to another object pool");
  }
  // Relative, so that the link survives when the storage is mounted elsewhere.
  const fs::path file = AlternatesFile(repository);
  const fs::path made = file.string() + ".new";
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  std::ofstream out(made);
  out << (pool / "objects").lexically_relative(repository / "objects").string() << "\n";
  out.close();
  if (!out) return absl::InternalError("write " + made.string());
  fs::rename(made, file, error);
  return error ? absl::InternalError("rename: " + error.message()) : absl::OkStatus();
}

absl::Status DisconnectFromPool(Call& call, const fs::path& repository) {
  const fs::path file = AlternatesFile(repository);
  std::error_code error;
  if (!fs::exists(file, error)) return absl::OkStatus();
  const auto repacked = Git(call).Output(repository, {"repack", "-a", "-d", "-q"});
  if (!repacked.ok()) return repacked.status();
  const fs::path backup = file.string() + ".backup";
  fs::rename(file, backup, error);
  if (error) return absl::InternalError("rename: " + error.message());
  const auto connected = Git(call).Output(
      repository, {"fsck", "--connectivity-only", "--no-progress", "--no-dangling"});
  if (!connected.ok()) {
    fs::rename(backup, file, error);
    return connected.status();
  }
  fs::remove(backup, error);
  return absl::OkStatus();
}

}  // namespace praefect::minigitaly
