#pragma once

// The storages of this node: named directories that hold bare repositories. Every path that a
// caller names is resolved here, and none leads out of its storage.

#include <absl/status/statusor.h>

#include <filesystem>
#include <map>
#include <string>

#include "gitaly/shared.pb.h"

namespace praefect::minigitaly {

// Where a storage keeps what is being made or thrown away; never listed as a repository.
inline constexpr char kScratchFolder[] = "+gitaly";

class Storages {
 public:
  // Makes missing directories, and the file that holds a storage's identity.
  static absl::StatusOr<Storages> Open(const std::map<std::string, std::filesystem::path>& folders);

  struct Storage {
    std::filesystem::path folder;  // canonical
    std::string filesystem_id;     // a UUID made once and kept in .gitaly-metadata
  };
  const std::map<std::string, Storage>& all() const { return storages_; }

  // The folder of a storage. InvalidArgument for a name that is not served here.
  absl::StatusOr<std::filesystem::path> Folder(const std::string& storage_name) const;

  // A path below a storage, whether anything is there or not. InvalidArgument for one that is
  // empty, absolute or leads out.
  absl::StatusOr<std::filesystem::path> Path(const std::string& storage_name,
                                             const std::string& relative_path) const;
  // The same, for the repository of a request; one without any field counts as not sent.
  absl::StatusOr<std::filesystem::path> Path(const ::gitaly::Repository& repository) const;

  // The path of a repository that exists. NotFound when there is none.
  absl::StatusOr<std::filesystem::path> Repository(const ::gitaly::Repository& repository) const;

  // A new empty folder in the storage's scratch folder.
  absl::StatusOr<std::filesystem::path> Scratch(const std::string& storage_name) const;

 private:
  std::map<std::string, Storage> storages_;
};

// What git itself looks for: HEAD, objects and refs.
bool IsRepository(const std::filesystem::path& folder);

}  // namespace praefect::minigitaly
