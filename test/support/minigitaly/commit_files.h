#pragma once

// Makes a commit out of file actions with git's plumbing, without a working tree.

#include <absl/status/statusor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "call.h"
#include "gitaly/operations.pb.h"

namespace praefect::minigitaly {

struct FileAction {
  ::gitaly::UserCommitFilesActionHeader header;
  std::string content;  // decoded
};

struct CommitFilesResult {
  std::string commit_id;
  bool branch_created = false;
  bool repository_was_empty = false;
  std::string index_error;  // an action that cannot be done; nothing was changed then
};

// `scratch` is an empty folder for the index. Updates the branch last, and only if it is still
// where it was found.
absl::StatusOr<CommitFilesResult> CommitFiles(Call& call, const std::filesystem::path& repository,
                                              const std::filesystem::path& scratch,
                                              const ::gitaly::UserCommitFilesRequestHeader& header,
                                              const std::vector<FileAction>& actions);

}  // namespace praefect::minigitaly
