// RPCs about a whole storage: walking it, its namespaces, and repositories elsewhere.

#include <sys/stat.h>

#include <fstream>

#include "git.h"
#include "gitaly/internal.pb.h"
#include "gitaly/namespace.pb.h"
#include "gitaly/remote.pb.h"
#include "services.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

bool SendRepository(Call& call, const fs::path& storage, const fs::path& repository) {
  ::gitaly::WalkReposResponse response;
  response.set_relative_path(fs::relative(repository, storage));
  struct stat status {};
  if (stat(repository.c_str(), &status) == 0) {
    response.mutable_modification_time()->set_seconds(status.st_mtim.tv_sec);
    response.mutable_modification_time()->set_nanos(static_cast<int>(status.st_mtim.tv_nsec));
  }
  return call.Write(response.SerializeAsString());
}

// Repositories come and go while we walk: what cannot be read any more is passed over.
absl::Status WalkRepos(const Node& node, Call& call, const ::gitaly::WalkReposRequest& request) {
  const absl::StatusOr<fs::path> storage = node.storages.Folder(request.storage_name());
  if (!storage.ok()) return storage.status();
  std::error_code error;
  fs::recursive_directory_iterator walk(*storage, error);
  while (!error && walk != fs::recursive_directory_iterator()) {
    std::error_code unreadable;
    if (walk->is_directory(unreadable)) {
      const bool scratch = walk.depth() == 0 && walk->path().filename() == kScratchFolder;
      const bool repository = !scratch && IsRepository(walk->path());
      if (scratch || repository) walk.disable_recursion_pending();
      if (repository && !SendRepository(call, *storage, walk->path())) break;
    }
    walk.increment(error);
  }
  return absl::OkStatus();
}

absl::StatusOr<fs::path> NamespacePath(const Node& node, const std::string& storage,
                                       const std::string& name) {
  if (name.empty()) return absl::InvalidArgumentError("Name: cannot be empty");
  return node.storages.Path(storage, name);
}

absl::Status AddNamespace(const Node& node, const ::gitaly::AddNamespaceRequest& request) {
  const auto path = NamespacePath(node, request.storage_name(), request.name());
  if (!path.ok()) return path.status();
  std::error_code error;
  fs::create_directories(*path, error);
  return error ? absl::InternalError("create directory: " + error.message()) : absl::OkStatus();
}

absl::Status RemoveNamespace(const Node& node, const ::gitaly::RemoveNamespaceRequest& request) {
  const auto path = NamespacePath(node, request.storage_name(), request.name());
  if (!path.ok()) return path.status();
  std::error_code error;
  fs::remove_all(*path, error);
  return error ? absl::InternalError("removal: " + error.message()) : absl::OkStatus();
}

absl::Status RenameNamespace(const Node& node, const ::gitaly::RenameNamespaceRequest& request) {
  if (request.from().empty() || request.to().empty()) {
    return absl::InvalidArgumentError("from and to cannot be empty");
  }
  const auto from = NamespacePath(node, request.storage_name(), request.from());
  if (!from.ok()) return from.status();
  const auto to = NamespacePath(node, request.storage_name(), request.to());
  if (!to.ok()) return to.status();
  if (!fs::exists(*from)) {
    return absl::InvalidArgumentError("from directory " + request.from() + " not found");
  }
  if (fs::exists(*to)) {
    return absl::InvalidArgumentError("to directory " + request.to() + " already exists");
  }
  std::error_code error;
  fs::create_directories(to->parent_path(), error);
  fs::rename(*from, *to, error);
  return error ? absl::InternalError("rename: " + error.message()) : absl::OkStatus();
}

absl::Status NamespaceExists(const Node& node, const ::gitaly::NamespaceExistsRequest& request,
                             ::gitaly::NamespaceExistsResponse* response) {
  const auto path = NamespacePath(node, request.storage_name(), request.name());
  response->set_exists(path.ok() && fs::is_directory(*path));
  return path.status();
}

// Asks the remote itself; any failure to list it means that there is none.
absl::Status FindRemoteRepository(Call& call, const ::gitaly::FindRemoteRepositoryRequest& request,
                                  ::gitaly::FindRemoteRepositoryResponse* response) {
  if (request.remote().empty()) return absl::InvalidArgumentError("empty remote can't be checked.");
  const absl::StatusOr<GitResult> listed =
      Git(call).Run({"ls-remote", "--quiet", "--", request.remote(), "HEAD"});
  if (!listed.ok()) return listed.status();
  response->set_exists(listed->ok());
  return absl::OkStatus();
}

}  // namespace

void AddStorageMethods(const Node& node, MethodTable& table) {
  using namespace ::gitaly;
  table.AddStream<WalkReposRequest>("/gitaly.InternalGitaly/WalkRepos",
                                    [&node](Call& call, const WalkReposRequest& request) {
                                      return WalkRepos(node, call, request);
                                    });
  table.AddUnary<AddNamespaceRequest, AddNamespaceResponse>(
      "/gitaly.NamespaceService/AddNamespace",
      [&node](Call&, const AddNamespaceRequest& request, auto*) {
        return AddNamespace(node, request);
      });
  table.AddUnary<RemoveNamespaceRequest, RemoveNamespaceResponse>(
      "/gitaly.NamespaceService/RemoveNamespace",
      [&node](Call&, const RemoveNamespaceRequest& request, auto*) {
        return RemoveNamespace(node, request);
      });
  table.AddUnary<RenameNamespaceRequest, RenameNamespaceResponse>(
      "/gitaly.NamespaceService/RenameNamespace",
      [&node](Call&, const RenameNamespaceRequest& request, auto*) {
        return RenameNamespace(node, request);
      });
  table.AddUnary<NamespaceExistsRequest, NamespaceExistsResponse>(
      "/gitaly.NamespaceService/NamespaceExists",
      [&node](Call&, const NamespaceExistsRequest& request, auto* response) {
        return NamespaceExists(node, request, response);
      });
  table.AddUnary<FindRemoteRepositoryRequest, FindRemoteRepositoryResponse>(
      "/gitaly.RemoteService/FindRemoteRepository",
      [](Call& call, const FindRemoteRepositoryRequest& request, auto* response) {
        return FindRemoteRepository(call, request, response);
      });
}

}  // namespace praefect::minigitaly
