// CommitService: reading history.

#include <fmt/format.h>

#include "git.h"
#include "gitaly/commit.pb.h"
#include "services.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

constexpr int kBatch = 20;

// One commit is this many fields, each ended by NUL, which no field can hold.
constexpr char kFormat[] =
    "--format=tformat:%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%ad%x00%cn%x00%ce%x00%ct%x00%cd%x00%s%"
    "x00%B";
constexpr size_t kFields = 13;

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find(separator, start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

void SetPerson(const std::string* fields, ::gitaly::CommitAuthor* person) {
  person->set_name(fields[0]);
  person->set_email(fields[1]);
  person->mutable_date()->set_seconds(atoll(fields[2].c_str()));
  person->set_timezone(fields[3]);
}

::gitaly::GitCommit ParseCommit(const std::string* fields) {
  ::gitaly::GitCommit commit;
  commit.set_id(fields[0]);
  commit.set_tree_id(fields[1]);
  for (std::string& parent : Split(fields[2], ' ')) commit.add_parent_ids(std::move(parent));
  SetPerson(fields + 3, commit.mutable_author());
  SetPerson(fields + 7, commit.mutable_committer());
  commit.set_subject(fields[11]);
  commit.set_body(fields[12]);
  commit.set_body_size(static_cast<int64_t>(fields[12].size()));
  return commit;
}

// Runs `git log` with a selection of commits. Nothing when git knows no such revision.
absl::StatusOr<std::vector<::gitaly::GitCommit>> Log(Call& call, const fs::path& repository,
                                                     const std::vector<std::string>& selection) {
  std::vector<std::string> arguments = {"log", "-z", "--date=format:%z", kFormat};
  arguments.insert(arguments.end(), selection.begin(), selection.end());
  const auto result = Git(call).Run(InRepository(repository, arguments));
  if (!result.ok()) return result.status();
  std::vector<::gitaly::GitCommit> commits;
  if (!result->ok()) return commits;
  const std::vector<std::string> fields = Split(result->output, '\0');
  for (size_t i = 0; i + kFields <= fields.size(); i += kFields) {
    commits.push_back(ParseCommit(&fields[i]));
  }
  return commits;
}

absl::Status CheckRevision(const std::string& revision) {
  if (revision.empty()) return absl::InvalidArgumentError("empty revision");
  if (revision[0] == '-') return absl::InvalidArgumentError("revision can't start with '-'");
  return absl::OkStatus();
}

absl::Status FindCommit(const Node& node, Call& call, const ::gitaly::FindCommitRequest& request,
                        ::gitaly::FindCommitResponse* response) {
  const absl::Status valid = CheckRevision(request.revision());
  if (!valid.ok()) return valid;
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  const auto commits = Log(call, *path, {"-1", request.revision(), "--"});
  if (commits.ok() && !commits->empty()) *response->mutable_commit() = commits->front();
  return commits.status();
}

std::vector<std::string> Selection(const ::gitaly::ListCommitsRequest& request) {
  using Request = ::gitaly::ListCommitsRequest;
  std::vector<std::string> selection;
  const auto add_if = [&selection](bool wanted, std::string argument) {
    if (wanted) selection.push_back(std::move(argument));
  };
  add_if(request.order() == Request::TOPO, "--topo-order");
  add_if(request.order() == Request::DATE, "--date-order");
  add_if(request.reverse(), "--reverse");
  add_if(request.first_parent(), "--first-parent");
  add_if(request.disable_walk(), "--no-walk");
  add_if(request.ignore_case(), "--regexp-ignore-case");
  add_if(request.skip() > 0, fmt::format("--skip={}", request.skip()));
  add_if(request.max_parents() > 0, fmt::format("--max-parents={}", request.max_parents()));
  add_if(!request.author().empty(), "--author=" + request.author());
  add_if(request.has_after(), fmt::format("--since={}", request.after().seconds()));
  add_if(request.has_before(), fmt::format("--until={}", request.before().seconds()));
  const int limit = request.pagination_params().limit();
  add_if(limit > 0, fmt::format("--max-count={}", limit));
  for (const std::string& pattern : request.commit_message_patterns()) {
    selection.push_back("--grep=" + pattern);
  }
  selection.insert(selection.end(), request.revisions().begin(), request.revisions().end());
  selection.push_back("--");
  selection.insert(selection.end(), request.paths().begin(), request.paths().end());
  return selection;
}

bool IsPseudoRevision(const std::string& revision) {
  return revision == "--all" || revision == "--not" || revision == "--branches" ||
         revision == "--tags";
}

absl::Status ListCommits(const Node& node, Call& call,
                         const ::gitaly::ListCommitsRequest& request) {
  if (request.revisions().empty()) return absl::InvalidArgumentError("missing revisions");
  for (const std::string& revision : request.revisions()) {
    const absl::Status valid = CheckRevision(revision);
    if (!valid.ok() && !IsPseudoRevision(revision)) return valid;
  }
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  const auto commits = Log(call, *path, Selection(request));
  if (!commits.ok()) return commits.status();
  ::gitaly::ListCommitsResponse response;
  for (const ::gitaly::GitCommit& commit : *commits) {
    *response.add_commits() = commit;
    if (response.commits_size() < kBatch) continue;
    call.Write(response.SerializeAsString());
    response.Clear();
  }
  if (response.commits_size() > 0) call.Write(response.SerializeAsString());
  return absl::OkStatus();
}

absl::Status IsAncestor(const Node& node, Call& call,
                        const ::gitaly::CommitIsAncestorRequest& request,
                        ::gitaly::CommitIsAncestorResponse* response) {
  for (const std::string& id : {request.ancestor_id(), request.child_id()}) {
    const absl::Status valid = CheckRevision(id);
    if (!valid.ok()) return valid;
  }
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  const auto compared = Git(call).Run(InRepository(
      *path, {"merge-base", "--is-ancestor", request.ancestor_id(), request.child_id()}));
  if (compared.ok()) response->set_value(compared->ok());
  return compared.status();
}

}  // namespace

void AddCommitMethods(const Node& node, MethodTable& table) {
  using namespace ::gitaly;
  table.AddUnary<FindCommitRequest, FindCommitResponse>(
      "/gitaly.CommitService/FindCommit",
      [&node](Call& call, const FindCommitRequest& request, auto* response) {
        return FindCommit(node, call, request, response);
      });
  table.AddStream<ListCommitsRequest>("/gitaly.CommitService/ListCommits",
                                      [&node](Call& call, const ListCommitsRequest& request) {
                                        return ListCommits(node, call, request);
                                      });
  table.AddUnary<CommitIsAncestorRequest, CommitIsAncestorResponse>(
      "/gitaly.CommitService/CommitIsAncestor",
      [&node](Call& call, const CommitIsAncestorRequest& request, auto* response) {
        return IsAncestor(node, call, request, response);
      });
}

}  // namespace praefect::minigitaly
