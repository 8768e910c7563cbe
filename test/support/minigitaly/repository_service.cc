// Repositories come, go and move; references and checksums of a whole repository.

#include <fmt/format.h>

#include "checksum.h"
#include "git.h"
#include "gitaly/repository.pb.h"
#include "services.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

absl::Status MoveIntoPlace(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  fs::rename(from, to, error);
  return error ? absl::InternalError("rename: " + error.message()) : absl::OkStatus();
}

absl::Status Create(const Node& node, Call& call,
                    const ::gitaly::CreateRepositoryRequest& request) {
  const absl::StatusOr<fs::path> path = node.storages.Path(request.repository());
  if (!path.ok()) return path.status();
  if (fs::exists(*path)) return absl::AlreadyExistsError("repository exists already");
  // Made aside and moved: nobody sees half a repository.
  const absl::StatusOr<fs::path> scratch =
      node.storages.Scratch(request.repository().storage_name());
  if (!scratch.ok()) return scratch.status();
  std::vector<std::string> arguments = {"init", "--bare", "--quiet"};
  const std::string branch = request.default_branch().empty() ? "main" : request.default_branch();
  arguments.push_back("--initial-branch=" + branch);
  if (request.object_format() == ::gitaly::OBJECT_FORMAT_SHA256) {
    arguments.push_back("--object-format=sha256");
  }
  arguments.push_back(*scratch);
  const absl::StatusOr<GitResult> made = Git(call).Run(arguments);
  if (!made.ok()) return made.status();
  if (!made->ok()) return made->AsStatus("create the repository");
  return MoveIntoPlace(*scratch, *path);
}

absl::Status Exists(const Node& node, const ::gitaly::RepositoryExistsRequest& request,
                    ::gitaly::RepositoryExistsResponse* response) {
  const absl::StatusOr<fs::path> path = node.storages.Path(request.repository());
  response->set_exists(path.ok() && IsRepository(*path));
  return path.status();
}

absl::Status Remove(const Node& node, const ::gitaly::RemoveRepositoryRequest& request) {
  const absl::StatusOr<fs::path> path = node.storages.Path(request.repository());
  if (!path.ok()) return path.status();
  if (!fs::exists(*path)) return absl::NotFoundError("repository does not exist");
  const absl::StatusOr<fs::path> scratch =
      node.storages.Scratch(request.repository().storage_name());
  if (!scratch.ok()) return scratch.status();
  const absl::Status moved = MoveIntoPlace(*path, *scratch / "removed");
  std::error_code error;
  if (moved.ok()) fs::remove_all(*scratch, error);
  return moved;
}

absl::Status Rename(const Node& node, const ::gitaly::RenameRepositoryRequest& request) {
  const absl::StatusOr<fs::path> from = node.storages.Repository(request.repository());
  if (!from.ok()) return from.status();
  if (request.relative_path().empty()) {
    return absl::InvalidArgumentError("destination relative path is empty");
  }
  const absl::StatusOr<fs::path> to =
      node.storages.Path(request.repository().storage_name(), request.relative_path());
  if (!to.ok()) return to.status();
  if (fs::exists(*to)) return absl::AlreadyExistsError("target repo exists already");
  return MoveIntoPlace(*from, *to);
}

absl::Status CalculateChecksum(const Node& node, Call& call,
                               const ::gitaly::CalculateChecksumRequest& request,
                               ::gitaly::CalculateChecksumResponse* response) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  const absl::StatusOr<GitResult> references =
      Git(call).Run(InRepository(*path, {"show-ref", "--head"}));
  if (!references.ok()) return references.status();
  // show-ref fails silently when there is no reference at all.
  if (!references->ok() && !references->error.empty()) return references->AsStatus("git show-ref");
  response->set_checksum(ReferenceChecksum(references->output));
  return absl::OkStatus();
}

// `HEAD` may be pointed at a branch; everything else gets an object.
absl::Status WriteRef(const Node& node, Call& call, const ::gitaly::WriteRefRequest& request) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  if (request.ref().empty()) return absl::InvalidArgumentError("invalid ref: empty");
  if (request.revision().empty()) return absl::InvalidArgumentError("invalid revision: empty");
  if (request.ref() == "HEAD") {
    return Git(call).Output(*path, {"symbolic-ref", "HEAD", request.revision()}).status();
  }
  if (request.ref().rfind("refs/", 0) != 0) {
    return absl::InvalidArgumentError("invalid ref: must start with refs/");
  }
  std::vector<std::string> arguments = {"update-ref", "--", request.ref(), request.revision()};
  if (!request.old_revision().empty()) arguments.push_back(request.old_revision());
  return Git(call).Output(*path, arguments).status();
}

std::string Method(const char* name) { return fmt::format("/gitaly.RepositoryService/{}", name); }

}  // namespace

void AddRepositoryMethods(const Node& node, MethodTable& table) {
  using namespace ::gitaly;
  table.AddUnary<CreateRepositoryRequest, CreateRepositoryResponse>(
      Method("CreateRepository"), [&node](Call& call, const CreateRepositoryRequest& request,
                                          auto*) { return Create(node, call, request); });
  table.AddUnary<RepositoryExistsRequest, RepositoryExistsResponse>(
      Method("RepositoryExists"),
      [&node](Call&, const RepositoryExistsRequest& request, auto* response) {
        return Exists(node, request, response);
      });
  table.AddUnary<RemoveRepositoryRequest, RemoveRepositoryResponse>(
      Method("RemoveRepository"), [&node](Call&, const RemoveRepositoryRequest& request, auto*) {
        return Remove(node, request);
      });
  table.AddUnary<RenameRepositoryRequest, RenameRepositoryResponse>(
      Method("RenameRepository"), [&node](Call&, const RenameRepositoryRequest& request, auto*) {
        return Rename(node, request);
      });
  table.AddUnary<CalculateChecksumRequest, CalculateChecksumResponse>(
      Method("CalculateChecksum"),
      [&node](Call& call, const CalculateChecksumRequest& request, auto* response) {
        return CalculateChecksum(node, call, request, response);
      });
  table.AddUnary<WriteRefRequest, WriteRefResponse>(
      Method("WriteRef"), [&node](Call& call, const WriteRefRequest& request, auto*) {
        return WriteRef(node, call, request);
      });
}

}  // namespace praefect::minigitaly
