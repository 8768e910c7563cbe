// OperationService: changes that GitLab's users make without a git of their own.

#include <absl/strings/escaping.h>

#include "commit_files.h"
#include "gitaly/operations.pb.h"
#include "services.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

using ::gitaly::UserCommitFilesRequest;

// The header of an action comes in one message, its content in any number that follow.
absl::StatusOr<std::vector<FileAction>> ReadActions(Call& call) {
  std::vector<FileAction> actions;
  UserCommitFilesRequest request;
  absl::Status read;
  while ((read = ReadMessage(call, &request)).ok()) {
    if (request.action().has_header()) {
      actions.push_back(FileAction{request.action().header(), ""});
    } else if (!actions.empty()) {
      actions.back().content += request.action().content();
    } else {
      return absl::InvalidArgumentError("content sent before action");
    }
  }
  if (!absl::IsNotFound(read)) return read;
  for (FileAction& action : actions) {
    std::string decoded;
    if (!action.header.base64_content()) continue;
    if (!absl::Base64Unescape(action.content, &decoded)) {
      return absl::InvalidArgumentError("content is no base64");
    }
    action.content = std::move(decoded);
  }
  return actions;
}

absl::Status Validate(const ::gitaly::UserCommitFilesRequestHeader& header) {
  if (!header.has_repository()) return absl::InvalidArgumentError("repository not set");
  if (!header.has_user()) return absl::InvalidArgumentError("empty User");
  if (header.branch_name().empty()) return absl::InvalidArgumentError("empty BranchName");
  if (header.commit_message().empty()) return absl::InvalidArgumentError("empty CommitMessage");
  return absl::OkStatus();
}

absl::Status UserCommitFiles(const Node& node, Call& call, const UserCommitFilesRequest& first) {
  const auto& header = first.header();
  const absl::Status valid = Validate(header);
  if (!valid.ok()) return valid;
  const absl::StatusOr<fs::path> path = node.storages.Repository(header.repository());
  if (!path.ok()) return path.status();
  const absl::StatusOr<std::vector<FileAction>> actions = ReadActions(call);
  if (!actions.ok()) return actions.status();
  const absl::StatusOr<fs::path> scratch =
      node.storages.Scratch(header.repository().storage_name());
  if (!scratch.ok()) return scratch.status();

  call.BeforeChange();
  const auto result = CommitFiles(call, *path, *scratch, header, *actions);
  std::error_code error;
  fs::remove_all(*scratch, error);
  if (!result.ok()) return result.status();
  ::gitaly::UserCommitFilesResponse response;
  response.set_index_error(result->index_error);
  if (result->index_error.empty()) {
    response.mutable_branch_update()->set_commit_id(result->commit_id);
    response.mutable_branch_update()->set_branch_created(result->branch_created);
    response.mutable_branch_update()->set_repo_created(result->repository_was_empty);
  }
  call.WriteAnswer(response.SerializeAsString());
  return absl::OkStatus();
}

}  // namespace

void AddOperationMethods(const Node& node, MethodTable& table) {
  table.AddStream<UserCommitFilesRequest>("/gitaly.OperationService/UserCommitFiles",
                                          [&node](Call& call, const UserCommitFilesRequest& first) {
                                            return UserCommitFiles(node, call, first);
                                          });
}

}  // namespace praefect::minigitaly
