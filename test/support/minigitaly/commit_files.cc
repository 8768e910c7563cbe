#include "commit_files.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "git.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;
using Header = ::gitaly::UserCommitFilesRequestHeader;
using Action = ::gitaly::UserCommitFilesActionHeader;

// What is wrong with an action; it is answered in the response, not as an error.
class IndexError {
 public:
  static absl::Status Make(std::string text) { return absl::FailedPreconditionError(text); }
  static bool Is(const absl::Status& status) { return absl::IsFailedPrecondition(status); }
};

bool LeadsOut(const fs::path& path) {
  return path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end();
}

class CommitBuilder {
 public:
  CommitBuilder(Call& call, fs::path repository, fs::path index)
      : call_(call), repository_(std::move(repository)), index_(std::move(index)) {}

  absl::Status Start(const std::string& commit) {
    return commit.empty() ? absl::OkStatus() : Run({"read-tree", commit}).status();
  }
  absl::Status Apply(const FileAction& action);
  absl::StatusOr<std::string> WriteTree() { return Run({"write-tree"}); }

 private:
  struct Entry {
    std::string mode;  // empty: there is no such file
    std::string oid;
  };

  absl::StatusOr<std::string> Run(std::vector<std::string> arguments, std::string_view input = {});
  absl::StatusOr<Entry> Find(const std::string& path);
  absl::Status Put(const std::string& path, const std::string& mode, const std::string& oid);
  absl::Status PutContent(const FileAction& action, const std::string& path, std::string mode);
  absl::Status Remove(const std::string& path, const Entry& entry);
  absl::Status Move(const FileAction& action);

  Call& call_;
  const fs::path repository_;
  const fs::path index_;
};

absl::StatusOr<std::string> CommitBuilder::Run(std::vector<std::string> arguments,
                                               std::string_view input) {
  Git git(call_);
  git.WithVariable("GIT_INDEX_FILE=" + index_.string());
  absl::StatusOr<std::string> output = git.Output(repository_, std::move(arguments), input);
  if (!output.ok()) return output.status();
  return TrimNewlines(*std::move(output));
}

absl::StatusOr<CommitBuilder::Entry> CommitBuilder::Find(const std::string& path) {
  // "MODE OID STAGE\tPATH"
  const absl::StatusOr<std::string> listed =
      Run({"--literal-pathspecs", "ls-files", "-z", "--stage", "--", path});
  if (!listed.ok()) return listed.status();
  const size_t tab = listed->find('\t');
  if (tab == std::string::npos || listed->substr(tab + 1, listed->find('\0') - tab - 1) != path) {
    return Entry();
  }
  const size_t space = listed->find(' ');
  return Entry{listed->substr(0, space),
               listed->substr(space + 1, listed->find(' ', space + 1) - space - 1)};
}

absl::Status CommitBuilder::Put(const std::string& path, const std::string& mode,
                                const std::string& oid) {
  const std::string line = fmt::format("{} {}\t{}", mode, oid, path) + '\0';
  const absl::StatusOr<std::string> put = Run({"update-index", "-z", "--index-info"}, line);
  if (!put.ok()) return IndexError::Make("invalid path: '" + path + "'");
  return absl::OkStatus();
}

absl::Status CommitBuilder::PutContent(const FileAction& action, const std::string& path,
                                       std::string mode) {
  const absl::StatusOr<std::string> oid = Run({"hash-object", "-w", "--stdin"}, action.content);
  if (!oid.ok()) return oid.status();
  return Put(path, mode, *oid);
}

absl::Status CommitBuilder::Remove(const std::string& path, const Entry& entry) {
  return Put(path, "0", std::string(entry.oid.size(), '0'));
}

absl::Status CommitBuilder::Move(const FileAction& action) {
  const absl::StatusOr<Entry> previous = Find(action.header.previous_path());
  if (!previous.ok()) return previous.status();
  if (previous->mode.empty()) return IndexError::Make("A file with this name doesn't exist");
  const absl::Status removed = Remove(action.header.previous_path(), *previous);
  if (!removed.ok()) return removed;
  if (action.header.infer_content()) {
    return Put(action.header.file_path(), previous->mode, previous->oid);
  }
  return PutContent(action, action.header.file_path(), previous->mode);
}

absl::Status CommitBuilder::Apply(const FileAction& action) {
  const std::string& path = action.header.file_path();
  if (path.empty()) return IndexError::Make("You must provide a file path");
  for (const std::string& given : {path, action.header.previous_path()}) {
    if (LeadsOut(given)) return IndexError::Make("invalid path: '" + given + "'");
  }
  const absl::StatusOr<Entry> found = Find(path);
  if (!found.ok()) return found.status();
  const Action::ActionType type = action.header.action();
  const bool makes = type == Action::CREATE || type == Action::CREATE_DIR || type == Action::MOVE;
  if (makes && !found->mode.empty())
    return IndexError::Make("A file with this name already exists");
  if (!makes && found->mode.empty()) return IndexError::Make("A file with this name doesn't exist");
  const std::string mode = action.header.execute_filemode() ? "100755" : "100644";
  switch (type) {
    case Action::CREATE:
      return PutContent(action, path, mode);
    case Action::CREATE_DIR:
      return PutContent(action, path + "/.gitkeep", mode);
    case Action::UPDATE:
      return PutContent(action, path, found->mode);
    case Action::MOVE:
      return Move(action);
    case Action::DELETE:
      return Remove(path, *found);
    case Action::CHMOD:
      return Put(path, mode, found->oid);
    default:
      return absl::InvalidArgumentError("unknown action");
  }
}

// The commit that a name stands for; empty when there is none.
absl::StatusOr<std::string> Resolve(Call& call, const fs::path& repository,
                                    const std::string& name) {
  const auto result = Git(call).Run(
      InRepository(repository, {"rev-parse", "--verify", "--quiet", name + "^{commit}"}));
  if (!result.ok()) return result.status();
  return result->ok() ? TrimNewlines(result->output) : std::string();
}

absl::StatusOr<std::string> Parent(Call& call, const fs::path& repository, const Header& header,
                                   const std::string& branch_tip) {
  if (!header.start_sha().empty()) return Resolve(call, repository, header.start_sha());
  if (!header.start_branch_name().empty()) {
    return Resolve(call, repository, "refs/heads/" + header.start_branch_name());
  }
  return branch_tip;
}

absl::StatusOr<std::string> WriteCommit(Call& call, const fs::path& repository,
                                        const Header& header, const std::string& tree,
                                        const std::string& parent) {
  const int64_t seconds = header.has_timestamp() ? header.timestamp().seconds() : time(nullptr);
  const auto& user = header.user();
  const auto or_user = [](const std::string& own, const std::string& users) {
    return own.empty() ? users : own;
  };
  Git git(call);
  git.WithVariable("GIT_AUTHOR_NAME=" + or_user(header.commit_author_name(), user.name()));
  git.WithVariable("GIT_AUTHOR_EMAIL=" + or_user(header.commit_author_email(), user.email()));
  git.WithVariable("GIT_COMMITTER_NAME=" + user.name());
  git.WithVariable("GIT_COMMITTER_EMAIL=" + user.email());
  git.WithVariable(fmt::format("GIT_AUTHOR_DATE={} +0000", seconds));
  git.WithVariable(fmt::format("GIT_COMMITTER_DATE={} +0000", seconds));
  std::vector<std::string> arguments = {"commit-tree", tree};
  if (!parent.empty()) arguments.insert(arguments.end(), {"-p", parent});
  absl::StatusOr<std::string> id = git.Output(repository, arguments, header.commit_message());
  if (!id.ok()) return id.status();
  return TrimNewlines(*std::move(id));
}

absl::StatusOr<bool> HasBranches(Call& call, const fs::path& repository) {
  const auto listed = Git(call).Output(repository, {"for-each-ref", "--count=1", "refs/heads/"});
  if (!listed.ok()) return listed.status();
  return !listed->empty();
}

}  // namespace

absl::StatusOr<CommitFilesResult> CommitFiles(Call& call, const fs::path& repository,
                                              const fs::path& scratch, const Header& header,
                                              const std::vector<FileAction>& actions) {
  const std::string branch = "refs/heads/" + header.branch_name();
  const absl::StatusOr<bool> has_branches = HasBranches(call, repository);
  if (!has_branches.ok()) return has_branches.status();
  const absl::StatusOr<std::string> tip = Resolve(call, repository, branch);
  if (!tip.ok()) return tip.status();
  const absl::StatusOr<std::string> parent = Parent(call, repository, header, *tip);
  if (!parent.ok()) return parent.status();

  CommitBuilder builder(call, repository, scratch / "index");
  absl::Status built = builder.Start(*parent);
  for (const FileAction& action : actions) {
    if (built.ok()) built = builder.Apply(action);
  }
  CommitFilesResult result;
  result.index_error = IndexError::Is(built) ? std::string(built.message()) : "";
  if (!result.index_error.empty()) return result;
  if (!built.ok()) return built;
  const absl::StatusOr<std::string> tree = builder.WriteTree();
  if (!tree.ok()) return tree.status();
  const absl::StatusOr<std::string> commit = WriteCommit(call, repository, header, *tree, *parent);
  if (!commit.ok()) return commit.status();
  const std::string old = tip->empty() ? std::string(commit->size(), '0') : *tip;
  const auto updated = Git(call).Output(repository, {"update-ref", branch, *commit, old});
  if (!updated.ok()) return updated.status();
  result.commit_id = *commit;
  result.branch_created = tip->empty();
  result.repository_was_empty = !*has_branches;
  return result;
}

}  // namespace praefect::minigitaly
