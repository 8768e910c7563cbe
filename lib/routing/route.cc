#include "routing/route.h"

#include <fmt/format.h>

#include <utility>

#include "routing/refusals.h"

namespace praefect::routing {
namespace {

using Choice = std::variant<Route, Refusal>;

// Gitaly ignores the storage of this one, and clients before 12.10 sent none.
constexpr std::string_view kFindRemoteRepository = "/gitaly.RemoteService/FindRemoteRepository";
constexpr std::string_view kNamespaceService = "gitaly.NamespaceService";

Refusal BadTarget(std::string message, std::string_view reason, std::string hint = {}) {
  return {absl::StatusCode::kInvalidArgument, std::move(message), reason, std::move(hint)};
}

Refusal UnknownVirtualStorage(const nodes::Snapshot& snapshot, std::string_view name) {
  std::string known;
  for (const nodes::VirtualStorage& storage : snapshot.virtual_storages) {
    known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", storage.name);
  }
  return BadTarget("storage name not found", "unknown_virtual_storage",
                   fmt::format("no virtual_storage.name is \"{}\"; there are: {}", name, known));
}

Refusal NotServed(const gitaly::Method& method) {
  const std::string why = method.not_served.empty() ? "" : ": " + method.not_served;
  return {absl::StatusCode::kUnimplemented,
          fmt::format("{} is not served by Praefect{}", method.path, why), "not_served", ""};
}

bool IsMutator(const gitaly::Method& method) {
  return method.operation == gitaly::Operation::kMutator;
}

Choice ToPrimary(const nodes::VirtualStorage& virtual_storage, const gitaly::Method& method) {
  const nodes::Node& primary = virtual_storage.primary();
  if (!primary.routable()) {
    return Unavailable(primary, "primary is not healthy", "primary_not_healthy");
  }
  if (IsMutator(method) && !primary.writable()) return NotWritable(primary);
  Route route;
  route.node = &primary;
  route.rewrite.storage_name = primary.storage;
  return route;
}

// The primary answers, or the first in file order where it is down.
Choice ToEveryNode(const nodes::VirtualStorage& virtual_storage) {
  const nodes::Node* primary = &virtual_storage.primary();
  Route route;
  if (primary->writable()) route.node = primary;
  for (const nodes::Node& node : virtual_storage.nodes) {
    if (&node == route.node) continue;
    if (!node.writable()) {
      route.skipped.push_back(&node);
    } else if (route.node == nullptr) {
      route.node = &node;
    } else {
      route.also.push_back(&node);
    }
  }
  if (route.node == nullptr && primary->routable()) return NotWritable(*primary);
  if (route.node == nullptr) return Unavailable(*primary, "no healthy nodes", "no_healthy_nodes");
  route.rewrite.storage_name = route.node->storage;
  return route;
}

// Why a request names no repository; code OK when it does.
Refusal CheckRepositories(const gitaly::RequestTarget& request) {
  const gitaly::RepositoryRef& target = request.target;
  const gitaly::RepositoryRef& additional = request.additional;
  if (!target.present) return BadTarget("repository not set", "repository_not_set");
  if (target.storage_name.empty()) return BadTarget("storage name not set", "storage_not_set");
  if (target.relative_path.empty()) return BadTarget("repository path not set", "path_not_set");
  if (additional.present && additional.storage_name != target.storage_name) {
    return BadTarget(
        "resolving additional repository on different storage than target repository is not "
        "supported",
        "additional_repository_elsewhere");
  }
  if (additional.present && additional.relative_path.empty()) {
    return BadTarget("repository path not set", "path_not_set");
  }
  return {absl::StatusCode::kOk, "", "", ""};
}

Choice ForRepository(const nodes::Snapshot& snapshot, const gitaly::Method& method,
                     const gitaly::RequestTarget& request) {
  Refusal wrong = CheckRepositories(request);
  if (wrong.code != absl::StatusCode::kOk) return wrong;
  const nodes::VirtualStorage* storage = snapshot.Find(request.target.storage_name);
  if (storage == nullptr) return UnknownVirtualStorage(snapshot, request.target.storage_name);
  return ToPrimary(*storage, method);
}

Choice ForStorage(const nodes::Snapshot& snapshot, const gitaly::Method& method,
                  const gitaly::RequestTarget& request) {
  if (request.storage_name.empty() && method.path == kFindRemoteRepository) {
    return ToPrimary(snapshot.virtual_storages.front(), method);
  }
  if (request.storage_name.empty()) return BadTarget("storage name not set", "storage_not_set");
  const nodes::VirtualStorage* storage = snapshot.Find(request.storage_name);
  if (storage == nullptr) return UnknownVirtualStorage(snapshot, request.storage_name);
  const bool everywhere = IsMutator(method) && method.service == kNamespaceService;
  return everywhere ? ToEveryNode(*storage) : ToPrimary(*storage, method);
}

}  // namespace

bool AsksBooks(const nodes::Snapshot& snapshot, const gitaly::Method& method,
               const gitaly::RequestTarget& target) {
  return method.not_served.empty() && method.scope == gitaly::Scope::kRepository &&
         CheckRepositories(target).code == absl::StatusCode::kOk &&
         snapshot.Find(target.target.storage_name) != nullptr;
}

Choice Choose(const nodes::Snapshot& snapshot, const gitaly::Method& method,
              const gitaly::RequestTarget& target) {
  if (!method.not_served.empty()) return NotServed(method);
  switch (method.scope) {
    case gitaly::Scope::kRepository:
      return ForRepository(snapshot, method, target);
    case gitaly::Scope::kStorage:
      return ForStorage(snapshot, method, target);
    case gitaly::Scope::kPartition:
    case gitaly::Scope::kServer:
      break;
  }
  return NotServed(method);
}

}  // namespace praefect::routing
