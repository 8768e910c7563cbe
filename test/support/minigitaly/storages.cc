#include "storages.h"

#include <errno.h>
#include <fmt/format.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <system_error>

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

constexpr char kMetadataFile[] = ".gitaly-metadata";

std::string NewUuid() {
  unsigned char b[16];
  RAND_bytes(b, sizeof b);
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  std::string text;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", b[i]);
  }
  return text;
}

// Empty when the file is missing or says nothing.
std::string ReadIdentity(const fs::path& file) {
  std::ifstream in(file);
  const auto json = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return "";
  const auto found = json.find("gitaly_filesystem_id");
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::StatusOr<std::string> Identity(const fs::path& folder) {
  const fs::path file = folder / kMetadataFile;
  std::string identity = ReadIdentity(file);
  if (!identity.empty()) return identity;
  identity = NewUuid();
  std::ofstream out(file);
  out << nlohmann::json{{"gitaly_filesystem_id", identity}}.dump() << "\n";
  out.close();
  if (!out) return absl::UnavailableError("write " + file.string());
  return identity;
}

bool IsBelow(const fs::path& path, const fs::path& root) {
  const auto mismatch = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return mismatch.first == root.end() && mismatch.second != path.end();
}

}  // namespace

absl::StatusOr<Storages> Storages::Open(const std::map<std::string, fs::path>& folders) {
  Storages storages;
  for (const auto& [name, folder] : folders) {
    std::error_code error;
    fs::create_directories(folder, error);
    const fs::path canonical = fs::canonical(folder, error);
    if (error) return absl::NotFoundError("storage " + folder.string() + ": " + error.message());
    absl::StatusOr<std::string> identity = Identity(canonical);
    if (!identity.ok()) return identity.status();
    storages.storages_[name] = Storage{canonical, *identity};
  }
  return storages;
}

absl::StatusOr<fs::path> Storages::Folder(const std::string& storage_name) const {
  if (storage_name.empty()) return absl::InvalidArgumentError("storage name not set");
  const auto found = storages_.find(storage_name);
  if (found == storages_.end()) return absl::InvalidArgumentError("storage name not found");
  return found->second.folder;
}

absl::StatusOr<fs::path> Storages::Path(const std::string& storage_name,
                                        const std::string& relative_path) const {
  absl::StatusOr<fs::path> folder = Folder(storage_name);
  if (!folder.ok()) return folder.status();
  if (relative_path.empty()) return absl::InvalidArgumentError("repository path not set");
  const absl::Status escapes = absl::InvalidArgumentError("relative path escapes root directory");
  const fs::path relative(relative_path);
  if (relative.is_absolute() || relative_path.find('\0') != std::string::npos) return escapes;
  for (const fs::path& part : relative) {
    if (part == "..") return escapes;
  }
  // Symbolic links on the way may lead out as well.
  std::error_code error;
  const fs::path resolved = fs::weakly_canonical(*folder / relative, error);
  if (error || !IsBelow(resolved, *folder)) return escapes;
  return resolved;
}

absl::StatusOr<fs::path> Storages::Path(const ::gitaly::Repository& repository) const {
  if (repository.storage_name().empty() && repository.relative_path().empty()) {
    return absl::InvalidArgumentError("repository not set");
  }
  return Path(repository.storage_name(), repository.relative_path());
}

absl::StatusOr<fs::path> Storages::Repository(const ::gitaly::Repository& repository) const {
  absl::StatusOr<fs::path> path = Path(repository);
  if (path.ok() && !IsRepository(*path)) return absl::NotFoundError("repository not found");
  return path;
}

absl::StatusOr<fs::path> Storages::Scratch(const std::string& storage_name) const {
  absl::StatusOr<fs::path> folder = Folder(storage_name);
  if (!folder.ok()) return folder.status();
  const fs::path parent = *folder / kScratchFolder / "tmp";
  std::error_code error;
  fs::create_directories(parent, error);
  std::string pattern = (parent / "XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) return absl::ErrnoToStatus(errno, "create " + pattern);
  return fs::path(pattern);
}

bool IsRepository(const fs::path& folder) {
  std::error_code error;
  return fs::is_directory(folder / "objects", error) && fs::is_directory(folder / "refs", error) &&
         fs::exists(folder / "HEAD", error);
}

}  // namespace praefect::minigitaly
