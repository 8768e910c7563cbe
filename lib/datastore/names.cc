#include "datastore/names.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include "gitaly/wire.h"

namespace praefect::datastore {
namespace {

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == text.npos;
}

absl::Status CheckKey(std::string_view what, std::string_view text, size_t max_bytes) {
  const auto refuse = [&](std::string_view why) {
    return absl::InvalidArgumentError(fmt::format("{} {}", what, why));
  };
  if (text.empty()) return refuse("is empty");
  if (text.size() > max_bytes) {
    return refuse(fmt::format("has {} bytes, more than {}", text.size(), max_bytes));
  }
  if (text.find('\0') != text.npos) return refuse("contains a NUL byte");
  if (!gitaly::IsUtf8(text)) return refuse("is not valid UTF-8");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckStorageName(std::string_view name) {
  return CheckKey("the name of a storage", name, kMaxStorageNameBytes);
}

absl::Status CheckPath(std::string_view path) {
  return CheckKey("a repository's path", path, kMaxPathBytes);
}

bool Overlap(std::string_view path, std::string_view other) {
  const std::string_view shorter = path.size() < other.size() ? path : other;
  const std::string_view longer = path.size() < other.size() ? other : path;
  return longer.starts_with(shorter) &&
         (longer.size() == shorter.size() || longer[shorter.size()] == '/');
}

std::vector<std::string> WithParents(const std::string& path) {
  std::vector<std::string> all = {path};
  for (size_t end = path.find('/'); end != path.npos; end = path.find('/', end + 1)) {
    all.push_back(path.substr(0, end));
  }
  return all;
}

bool OverlapsAny(const std::set<std::string>& paths, const std::string& path) {
  for (const std::string& at : WithParents(path)) {
    if (paths.contains(at)) return true;
  }
  const auto below = paths.lower_bound(path + "/");
  return below != paths.end() && below->starts_with(path + "/");
}

bool IsPoolPath(std::string_view relative_path) {
  constexpr std::string_view kForm = "@pools/aa/bb/";
  constexpr size_t kDigits = 64;
  if (relative_path.size() != kForm.size() + kDigits + 4) return false;
  const std::string_view first = relative_path.substr(7, 2);
  const std::string_view second = relative_path.substr(10, 2);
  const std::string_view digits = relative_path.substr(kForm.size(), kDigits);
  return relative_path.starts_with("@pools/") && relative_path[9] == '/' &&
         relative_path[12] == '/' && relative_path.ends_with(".git") && IsHex(digits) &&
         digits.starts_with(first) && digits.substr(2).starts_with(second);
}

std::string ClusterPath(int64_t repository_id, bool pool) {
  const std::string id = fmt::format("{}", repository_id);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(id.data()), id.size(), digest);
  return fmt::format("@cluster/{}/{:02x}/{:02x}/{}", pool ? "pools" : "repositories", digest[0],
                     digest[1], id);
}

CreationPlace PlaceOfCreation(std::string_view relative_path, const CreationFacts& facts) {
  if (facts.overlaps) return CreationPlace::kClusterPath;
  if (facts.something_there) return CreationPlace::kAdoptFirst;
  if (!facts.all_answered) return CreationPlace::kClusterPath;
  if (!relative_path.ends_with(".git") && facts.directory_there) {
    return CreationPlace::kClusterPath;
  }
  return CreationPlace::kRelativePath;
}

}  // namespace praefect::datastore
