// Housekeeping: repacking, stale locks, consistency.

#include <fmt/format.h>

#include "git.h"
#include "gitaly/repository.pb.h"
#include "services.h"
#include "stale_lock.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

// Unreachable objects are kept: members of a pool may need what the pool itself does not reach.
absl::Status Optimize(const Node& node, Call& call,
                      const ::gitaly::OptimizeRepositoryRequest& request) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  RemoveStaleLocks(*path);
  const auto packed = Git(call).Output(*path, {"pack-refs", "--all"});
  if (!packed.ok()) return packed.status();
  return Git(call).Output(*path, {"repack", "-a", "-d", "-l", "-k", "-q"}).status();
}

absl::Status Cleanup(const Node& node, const ::gitaly::CleanupRequest& request) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (path.ok()) RemoveStaleLocks(*path);
  return path.status();
}

absl::Status Fsck(const Node& node, Call& call, const ::gitaly::FsckRequest& request,
                  ::gitaly::FsckResponse* response) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  const absl::StatusOr<GitResult> result =
      Git(call).Run(InRepository(*path, {"fsck", "--no-progress", "--no-dangling"}));
  if (!result.ok()) return result.status();
  if (!result->ok()) response->set_error(result->output + result->error);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> BytesBelow(const fs::path& folder) {
  int64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    std::error_code gone;
    if (!entry.is_regular_file(gone)) continue;
    const auto size = entry.file_size(gone);
    if (!gone) bytes += static_cast<int64_t>(size);
  }
  if (error) return absl::InternalError("walk: " + error.message());
  return bytes;
}

// In kilobytes, as Gitaly answers.
template <typename Request, typename Response>
absl::Status Size(const Node& node, const char* below, const Request& request, Response* response) {
  const absl::StatusOr<fs::path> path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  const absl::StatusOr<int64_t> bytes = BytesBelow(*path / below);
  if (!bytes.ok()) return bytes.status();
  response->set_size(*bytes / 1024);
  return absl::OkStatus();
}

std::string Method(const char* name) { return fmt::format("/gitaly.RepositoryService/{}", name); }

}  // namespace

void AddMaintenanceMethods(const Node& node, MethodTable& table) {
  using namespace ::gitaly;
  table.AddUnary<OptimizeRepositoryRequest, OptimizeRepositoryResponse>(
      Method("OptimizeRepository"), [&node](Call& call, const OptimizeRepositoryRequest& request,
                                            auto*) { return Optimize(node, call, request); });
  table.AddUnary<CleanupRequest, CleanupResponse>(
      Method("Cleanup"),
      [&node](Call&, const CleanupRequest& request, auto*) { return Cleanup(node, request); });
  table.AddUnary<FsckRequest, FsckResponse>(
      Method("Fsck"), [&node](Call& call, const FsckRequest& request, auto* response) {
        return Fsck(node, call, request, response);
      });
  table.AddUnary<RepositorySizeRequest, RepositorySizeResponse>(
      Method("RepositorySize"),
      [&node](Call&, const RepositorySizeRequest& request, auto* response) {
        return Size(node, "", request, response);
      });
  table.AddUnary<GetObjectDirectorySizeRequest, GetObjectDirectorySizeResponse>(
      Method("GetObjectDirectorySize"),
      [&node](Call&, const GetObjectDirectorySizeRequest& request, auto* response) {
        return Size(node, "objects", request, response);
      });
}

}  // namespace praefect::minigitaly
