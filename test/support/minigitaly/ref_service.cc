// RefService: what references there are, and deleting them.

#include <fmt/format.h>

#include "git.h"
#include "gitaly/ref.pb.h"
#include "services.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

// How many references go into one message.
constexpr int kBatch = 100;

const char* SortField(::gitaly::ListRefsRequest::SortBy::Key key) {
  using SortBy = ::gitaly::ListRefsRequest::SortBy;
  switch (key) {
    case SortBy::CREATORDATE:
      return "creatordate";
    case SortBy::AUTHORDATE:
      return "authordate";
    case SortBy::COMMITTERDATE:
      return "committerdate";
    default:
      return "refname";
  }
}

std::vector<std::string> ListArguments(const ::gitaly::ListRefsRequest& request) {
  std::vector<std::string> arguments = {"for-each-ref",
                                        "--format=%(objectname) %(refname) %(*objectname)"};
  const bool descending = request.sort_by().direction() == ::gitaly::DESCENDING;
  arguments.push_back(
      fmt::format("--sort={}{}", descending ? "-" : "", SortField(request.sort_by().key())));
  if (request.ignore_case()) arguments.push_back("--ignore-case");
  if (request.pagination_params().limit() > 0) {
    arguments.push_back(fmt::format("--count={}", request.pagination_params().limit()));
  }
  for (const std::string& oid : request.pointing_at_oids()) {
    arguments.push_back("--points-at=" + oid);
  }
  arguments.push_back("--");
  arguments.insert(arguments.end(), request.patterns().begin(), request.patterns().end());
  return arguments;
}

// "OID NAME PEELED", the last one empty for what is no annotated tag.
void AddReference(const std::string& line, bool peel, ::gitaly::ListRefsResponse* response) {
  const size_t first = line.find(' ');
  const size_t second = line.find(' ', first + 1);
  auto* reference = response->add_references();
  reference->set_target(line.substr(0, first));
  reference->set_name(line.substr(first + 1, second - first - 1));
  if (peel && second != std::string::npos) reference->set_peeled_target(line.substr(second + 1));
}

absl::Status ListRefs(const Node& node, Call& call, const ::gitaly::ListRefsRequest& request) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  if (request.patterns().empty())
    return absl::InvalidArgumentError("patterns must have at least one entry");
  const absl::StatusOr<std::string> listed = Git(call).Output(*path, ListArguments(request));
  if (!listed.ok()) return listed.status();

  ::gitaly::ListRefsResponse response;
  if (request.head()) {
    const absl::StatusOr<GitResult> head =
        Git(call).Run(InRepository(*path, {"rev-parse", "--verify", "--quiet", "HEAD"}));
    if (!head.ok()) return head.status();
    if (head->ok()) AddReference(TrimNewlines(head->output) + " HEAD", false, &response);
  }
  for (const std::string& line : Lines(*listed)) {
    AddReference(line, request.peel_tags(), &response);
    if (response.references_size() < kBatch) continue;
    call.Write(response.SerializeAsString());
    response.Clear();
  }
  if (response.references_size() > 0) call.Write(response.SerializeAsString());
  return absl::OkStatus();
}

template <typename Request, typename Response>
absl::Status SendNames(const Node& node, Call& call, const char* prefix, const Request& request) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  const auto listed = Git(call).Output(*path, {"for-each-ref", "--format=%(refname)", prefix});
  if (!listed.ok()) return listed.status();
  Response response;
  for (std::string& line : Lines(*listed)) {
    response.add_names(std::move(line));
    if (response.names_size() < kBatch) continue;
    call.Write(response.SerializeAsString());
    response.Clear();
  }
  if (response.names_size() > 0) call.Write(response.SerializeAsString());
  return absl::OkStatus();
}

absl::StatusOr<bool> Exists(Call& call, const fs::path& repository, const std::string& reference) {
  const auto shown =
      Git(call).Run(InRepository(repository, {"show-ref", "--verify", "--quiet", "--", reference}));
  if (!shown.ok()) return shown.status();
  return shown->ok();
}

// What HEAD names when that exists, else the branch that Gitaly would take; empty without any.
absl::StatusOr<std::string> DefaultBranch(Call& call, const fs::path& repository, bool head_only) {
  const absl::StatusOr<std::string> head = Git(call).Output(repository, {"symbolic-ref", "HEAD"});
  if (!head.ok()) return head.status();
  if (head_only) return TrimNewlines(*head);
  for (const std::string& candidate :
       {TrimNewlines(*head), std::string("refs/heads/main"), std::string("refs/heads/master")}) {
    const absl::StatusOr<bool> exists = Exists(call, repository, candidate);
    if (!exists.ok()) return exists.status();
    if (*exists) return candidate;
  }
  const auto first = Git(call).Output(
      repository, {"for-each-ref", "--count=1", "--format=%(refname)", "refs/heads/"});
  if (!first.ok()) return first.status();
  return TrimNewlines(*first);
}

absl::Status FindDefaultBranchName(const Node& node, Call& call,
                                   const ::gitaly::FindDefaultBranchNameRequest& request,
                                   ::gitaly::FindDefaultBranchNameResponse* response) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  const bool head_only = request.head_only() && node.release >= kWholeCopies;  // younger than that
  const absl::StatusOr<std::string> branch = DefaultBranch(call, *path, head_only);
  if (branch.ok()) response->set_name(*branch);
  return branch.status();
}

absl::Status RefExists(const Node& node, Call& call, const ::gitaly::RefExistsRequest& request,
                       ::gitaly::RefExistsResponse* response) {
  if (request.ref().rfind("refs/", 0) != 0) return absl::InvalidArgumentError("invalid refname");
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  const absl::StatusOr<bool> exists = Exists(call, *path, request.ref());
  if (exists.ok()) response->set_value(*exists);
  return exists.status();
}

bool HasAnyPrefix(const std::string& name,
                  const google::protobuf::RepeatedPtrField<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    if (name.rfind(prefix, 0) == 0) return true;
  }
  return false;
}

absl::StatusOr<std::vector<std::string>> ToDelete(Call& call, const fs::path& repository,
                                                  const ::gitaly::DeleteRefsRequest& request) {
  if (request.refs().empty() == request.except_with_prefix().empty()) {
    return absl::InvalidArgumentError(request.refs().empty()
                                          ? "empty ExceptWithPrefix and Refs"
                                          : "ExceptWithPrefix and Refs are mutually exclusive");
  }
  std::vector<std::string> names(request.refs().begin(), request.refs().end());
  if (!names.empty()) return names;
  const auto listed = Git(call).Output(repository, {"for-each-ref", "--format=%(refname)"});
  if (!listed.ok()) return listed.status();
  for (const std::string& name : Lines(*listed)) {
    if (!HasAnyPrefix(name, request.except_with_prefix())) names.push_back(name);
  }
  return names;
}

absl::Status DeleteRefs(const Node& node, Call& call, const ::gitaly::DeleteRefsRequest& request) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  const auto names = ToDelete(call, *path, request);
  if (!names.ok()) return names.status();
  std::string commands;
  for (const std::string& name : *names) commands += fmt::format("delete {}", name) + '\0' + '\0';
  return Git(call).Output(*path, {"update-ref", "-z", "--stdin"}, commands).status();
}

std::string Method(const char* name) { return fmt::format("/gitaly.RefService/{}", name); }

}  // namespace

void AddRefMethods(const Node& node, MethodTable& table) {
  using namespace ::gitaly;
  table.AddStream<ListRefsRequest>(Method("ListRefs"),
                                   [&node](Call& call, const ListRefsRequest& request) {
                                     return ListRefs(node, call, request);
                                   });
  table.AddStream<FindAllBranchNamesRequest>(
      Method("FindAllBranchNames"), [&node](Call& call, const FindAllBranchNamesRequest& request) {
        return SendNames<FindAllBranchNamesRequest, FindAllBranchNamesResponse>(
            node, call, "refs/heads/", request);
      });
  table.AddStream<FindAllTagNamesRequest>(
      Method("FindAllTagNames"), [&node](Call& call, const FindAllTagNamesRequest& request) {
        return SendNames<FindAllTagNamesRequest, FindAllTagNamesResponse>(node, call, "refs/tags/",
                                                                          request);
      });
  table.AddUnary<FindDefaultBranchNameRequest, FindDefaultBranchNameResponse>(
      Method("FindDefaultBranchName"),
      [&node](Call& call, const FindDefaultBranchNameRequest& request, auto* response) {
        return FindDefaultBranchName(node, call, request, response);
      });
  table.AddUnary<RefExistsRequest, RefExistsResponse>(
      Method("RefExists"), [&node](Call& call, const RefExistsRequest& request, auto* response) {
        return RefExists(node, call, request, response);
      });
  table.AddUnary<DeleteRefsRequest, DeleteRefsResponse>(
      Method("DeleteRefs"), [&node](Call& call, const DeleteRefsRequest& request, auto*) {
        return DeleteRefs(node, call, request);
      });
}

}  // namespace praefect::minigitaly
