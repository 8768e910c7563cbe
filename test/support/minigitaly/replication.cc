// ReplicateRepository: this node makes its copy equal to another node's. FetchInternalRemote, which
// does as much as Gitaly 12.4 could.

#include "git.h"
#include "gitaly/remote.pb.h"
#include "gitaly/repository.pb.h"
#include "object_pool.h"
#include "services.h"
#include "source_node.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

using ::gitaly::FetchInternalRemoteRequest;
using ::gitaly::ReplicateRepositoryRequest;

absl::Status Validate(const ReplicateRepositoryRequest& request) {
  if (!request.has_repository()) return absl::InvalidArgumentError("repository not set");
  if (!request.has_source()) return absl::InvalidArgumentError("source repository cannot be empty");
  if (request.source().storage_name() == request.repository().storage_name()) {
    return absl::InvalidArgumentError("repository and source have the same storage");
  }
  return absl::OkStatus();
}

absl::Status CopyHead(Call& call, SourceNode& source, const fs::path& into) {
  const absl::StatusOr<std::string> head = source.DefaultBranch();
  if (!head.ok()) return head.status();
  if (head->empty()) return absl::OkStatus();
  return Git(call).Output(into, {"symbolic-ref", "HEAD", *head}).status();
}

// Takes away the content of one file, if there is any.
absl::Status Tear(Call& call, const fs::path& repository) {
  const auto listed = Git(call).Output(
      repository, {"cat-file", "--batch-check=%(objecttype) %(objectname)", "--batch-all-objects"});
  if (!listed.ok()) return listed.status();
  for (const std::string& line : Lines(*listed)) {
    if (line.rfind("blob ", 0) != 0) continue;
    const std::string id = line.substr(5);
    std::error_code error;
    fs::remove(repository / "objects" / id.substr(0, 2) / id.substr(2), error);
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

// References first, then what is to go.
absl::Status Copy(const Node& node, Call& call, SourceNode& source, const fs::path& into) {
  if (const auto delay = call.prune_delay(); delay.count() > 0) {
    const absl::Status updated = source.Fetch(node.ssh_helper, into, /*prune=*/false);
    if (!updated.ok()) return updated;
    if (call.WaitUntilCancelled(delay)) return absl::CancelledError("the caller has gone");
  }
  return source.Fetch(node.ssh_helper, into, /*prune=*/true);
}

absl::Status Update(const Node& node, Call& call, SourceNode& source, const fs::path& into) {
  const absl::Status copied = Copy(node, call, source, into);
  return copied.ok() && node.release >= kWholeCopies ? CopyHead(call, source, into) : copied;
}

// A new copy is made aside and appears when it is whole.
absl::Status CopyAside(const Node& node, Call& call, SourceNode& source, const std::string& storage,
                       const fs::path& to) {
  const absl::StatusOr<fs::path> scratch = node.storages.Scratch(storage);
  if (!scratch.ok()) return scratch.status();
  const auto made = Git(call).Run({"init", "--bare", "--quiet", *scratch});
  if (!made.ok()) return made.status();
  if (!made->ok()) return made->AsStatus("create the repository");
  std::error_code error;
  absl::Status copied = Copy(node, call, source, *scratch);
  if (copied.ok()) copied = CopyHead(call, source, *scratch);
  if (copied.ok() && call.tears_copy()) copied = Tear(call, *scratch);
  if (!copied.ok()) {
    fs::remove_all(*scratch, error);
    return copied;
  }
  fs::create_directories(to.parent_path(), error);
  fs::rename(*scratch, to, error);
  return error ? absl::InternalError("rename: " + error.message()) : absl::OkStatus();
}

// The link is copied, not the pool: that is a repository of its own, and may not be here yet.
absl::Status CopyPoolLink(const Node& node, Call& call, SourceNode& source,
                          const std::string& storage, const fs::path& repository) {
  const absl::StatusOr<std::string> wanted = source.ObjectPool();
  if (!wanted.ok()) return wanted.status();
  if (wanted->empty()) return DisconnectFromPool(call, repository);
  const absl::StatusOr<fs::path> pool = node.storages.Path(storage, *wanted);
  if (!pool.ok()) return pool.status();
  return IsRepository(*pool) ? LinkToPool(repository, *pool) : absl::OkStatus();
}

absl::Status Replicate(const Node& node, Call& call, const ReplicateRepositoryRequest& request) {
  const absl::Status valid = Validate(request);
  if (!valid.ok()) return valid;
  const std::string& storage = request.repository().storage_name();
  const absl::StatusOr<fs::path> path = node.storages.Path(request.repository());
  if (!path.ok()) return path.status();
  absl::StatusOr<SourceAddress> address = FindSource(call, request.source().storage_name());
  if (!address.ok()) return address.status();
  SourceNode source(call, *std::move(address), request.source());
  const absl::StatusOr<bool> exists = source.RepositoryExists();
  if (!exists.ok()) return exists.status();
  if (!*exists) return absl::NotFoundError("invalid source repository");

  const absl::Status copied = IsRepository(*path) ? Update(node, call, source, *path)
                                                  : CopyAside(node, call, source, storage, *path);
  if (!copied.ok() || !request.replicate_object_deduplication_network_membership()) return copied;
  return CopyPoolLink(node, call, source, storage, *path);
}

absl::Status Fetch(const Node& node, Call& call, const FetchInternalRemoteRequest& request,
                   ::gitaly::FetchInternalRemoteResponse* response) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  absl::StatusOr<SourceAddress> address =
      FindSource(call, request.remote_repository().storage_name());
  if (!address.ok()) return address.status();
  SourceNode source(call, *std::move(address), request.remote_repository());
  response->set_result(source.Fetch(node.ssh_helper, *path, /*prune=*/true).ok());
  return absl::OkStatus();
}

}  // namespace

void AddReplicationMethods(const Node& node, MethodTable& table) {
  table.AddUnary<ReplicateRepositoryRequest, ::gitaly::ReplicateRepositoryResponse>(
      "/gitaly.RepositoryService/ReplicateRepository",
      [&node](Call& call, const ReplicateRepositoryRequest& request, auto*) {
        return Replicate(node, call, request);
      });
  table.AddUnary<FetchInternalRemoteRequest, ::gitaly::FetchInternalRemoteResponse>(
      "/gitaly.RemoteService/FetchInternalRemote",
      [&node](Call& call, const FetchInternalRemoteRequest& request, auto* response) {
        return Fetch(node, call, request, response);
      });
}

}  // namespace praefect::minigitaly
