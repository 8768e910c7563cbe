// ObjectPoolService.

#include <fmt/format.h>

#include "git.h"
#include "gitaly/objectpool.pb.h"
#include "object_pool.h"
#include "services.h"

namespace praefect::minigitaly {
namespace {

namespace fs = std::filesystem;

// Everything of the origin is kept aside, so that pools of several members never clash.
absl::Status FetchFromOrigin(Call& call, const fs::path& pool, const fs::path& origin) {
  return Git(call)
      .Output(pool, {"fetch", "--quiet", "--force", "--no-tags", "--no-write-fetch-head", "--prune",
                     "--", origin, "+refs/*:refs/remotes/origin/*"})
      .status();
}

absl::Status Create(const Node& node, Call& call,
                    const ::gitaly::CreateObjectPoolRequest& request) {
  const auto origin = node.storages.Repository(request.origin());
  if (!origin.ok()) return origin.status();
  const auto& wanted = request.object_pool().repository();
  const auto pool = node.storages.Path(wanted);
  if (!pool.ok()) return pool.status();
  if (fs::exists(*pool)) return absl::FailedPreconditionError("target path exists already");
  const auto scratch = node.storages.Scratch(wanted.storage_name());
  if (!scratch.ok()) return scratch.status();
  const auto made = Git(call).Run({"init", "--bare", "--quiet", *scratch});
  if (!made.ok()) return made.status();
  if (!made->ok()) return made->AsStatus("create the pool");
  const absl::Status fetched = FetchFromOrigin(call, *scratch, *origin);
  if (!fetched.ok()) return fetched;
  std::error_code error;
  fs::create_directories(pool->parent_path(), error);
  fs::rename(*scratch, *pool, error);
  return error ? absl::InternalError("rename: " + error.message()) : absl::OkStatus();
}

absl::Status Delete(const Node& node, const ::gitaly::DeleteObjectPoolRequest& request) {
  const auto pool = node.storages.Path(request.object_pool().repository());
  if (!pool.ok()) return pool.status();
  std::error_code error;
  fs::remove_all(*pool, error);
  return error ? absl::InternalError("remove: " + error.message()) : absl::OkStatus();
}

absl::Status Get(const Node& node, const ::gitaly::GetObjectPoolRequest& request,
                 ::gitaly::GetObjectPoolResponse* response) {
  const std::string& storage = request.repository().storage_name();
  const auto path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  const auto linked = LinkedPool(*node.storages.Folder(storage), *path);
  if (!linked.ok()) return linked.status();
  if (linked->empty()) return absl::OkStatus();
  auto* pool = response->mutable_object_pool()->mutable_repository();
  pool->set_storage_name(storage);
  pool->set_relative_path(*linked);
  return absl::OkStatus();
}

absl::Status Link(const Node& node, const ::gitaly::LinkRepositoryToObjectPoolRequest& request) {
  const auto path = node.storages.Repository(request.repository());
  if (!path.ok()) return path.status();
  const auto pool = node.storages.Path(request.object_pool().repository());
  return pool.ok() ? LinkToPool(*path, *pool) : pool.status();
}

absl::Status Disconnect(const Node& node, Call& call,
                        const ::gitaly::DisconnectGitAlternatesRequest& request) {
  const auto path = node.storages.Repository(request.repository());
  return path.ok() ? DisconnectFromPool(call, *path) : path.status();
}

absl::Status FetchInto(const Node& node, Call& call,
                       const ::gitaly::FetchIntoObjectPoolRequest& request) {
  const auto origin = node.storages.Repository(request.origin());
  if (!origin.ok()) return origin.status();
  const auto pool = node.storages.Repository(request.object_pool().repository());
  return pool.ok() ? FetchFromOrigin(call, *pool, *origin) : pool.status();
}

std::string Method(const char* name) { return fmt::format("/gitaly.ObjectPoolService/{}", name); }

}  // namespace

void AddObjectPoolMethods(const Node& node, MethodTable& table) {
  using namespace ::gitaly;
  table.AddUnary<CreateObjectPoolRequest, CreateObjectPoolResponse>(
      Method("CreateObjectPool"), [&node](Call& call, const CreateObjectPoolRequest& request,
                                          auto*) { return Create(node, call, request); });
  table.AddUnary<DeleteObjectPoolRequest, DeleteObjectPoolResponse>(
      Method("DeleteObjectPool"), [&node](Call&, const DeleteObjectPoolRequest& request, auto*) {
        return Delete(node, request);
      });
  table.AddUnary<GetObjectPoolRequest, GetObjectPoolResponse>(
      Method("GetObjectPool"), [&node](Call&, const GetObjectPoolRequest& request, auto* response) {
        return Get(node, request, response);
      });
  table.AddUnary<LinkRepositoryToObjectPoolRequest, LinkRepositoryToObjectPoolResponse>(
      Method("LinkRepositoryToObjectPool"),
      [&node](Call&, const LinkRepositoryToObjectPoolRequest& request, auto*) {
        return Link(node, request);
      });
  table.AddUnary<DisconnectGitAlternatesRequest, DisconnectGitAlternatesResponse>(
      Method("DisconnectGitAlternates"),
      [&node](Call& call, const DisconnectGitAlternatesRequest& request, auto*) {
        return Disconnect(node, call, request);
      });
  table.AddUnary<FetchIntoObjectPoolRequest, FetchIntoObjectPoolResponse>(
      Method("FetchIntoObjectPool"), [&node](Call& call, const FetchIntoObjectPoolRequest& request,
                                             auto*) { return FetchInto(node, call, request); });
}

}  // namespace praefect::minigitaly
