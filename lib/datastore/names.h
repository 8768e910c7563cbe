#pragma once

// Names of repositories: relative paths, by which clients know them, and replica paths, at which
// they lie on the nodes. A replica path never changes and is never shared.

#include <absl/status/status.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace praefect::datastore {

// Both are part of an index, whose rows PostgreSQL limits to 2,704 bytes.
inline constexpr size_t kMaxStorageNameBytes = 255;
inline constexpr size_t kMaxPathBytes = 2'000;

// INVALID_ARGUMENT for what cannot be a key: empty, too long, NUL, not UTF-8.
absl::Status CheckStorageName(std::string_view name);
absl::Status CheckPath(std::string_view path);

// One is the other, or lies below it.
bool Overlap(std::string_view path, std::string_view other);

// The path, and those that it lies below.
std::vector<std::string> WithParents(const std::string& path);

// Whether any of `paths` overlaps with the path.
bool OverlapsAny(const std::set<std::string>& paths, const std::string& path);

// A path as Rails names object pools: @pools/aa/bb/<64 hex digits beginning with aabb>.git
bool IsPoolPath(std::string_view relative_path);

// The place of its own that a repository gets where its relative path will not do:
// @cluster/repositories/6b/86/1, by the SHA-256 of the id in decimal, as the Go Praefect names it.
std::string ClusterPath(int64_t repository_id, bool pool);

// What the nodes and the books say about the relative path of a repository to be created.
struct CreationFacts {
  bool all_answered = false;     // every configured node was asked and answered
  bool something_there = false;  // a node holds a repository at the path
  bool directory_there = false;  // a node holds any directory at the path
  // A row (being removed or not) has the path, a parent or a child of it as replica path, or a
  // retired path is such a one.
  bool overlaps = false;
};

enum class CreationPlace {
  kRelativePath,
  kClusterPath,
  kAdoptFirst,  // what lies there is nobody's: it becomes a repository of ours, then the creator
                // writes to it
};

CreationPlace PlaceOfCreation(std::string_view relative_path, const CreationFacts& facts);

}  // namespace praefect::datastore
