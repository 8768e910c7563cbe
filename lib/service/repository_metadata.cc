#include "service/repository_metadata.h"

#include <algorithm>
#include <set>

#include "datastore/rules.h"

namespace praefect::service {
namespace {

using datastore::Repository;

bool IsHealthy(const Repository& repository, const nodes::Snapshot& snapshot,
               const std::string& storage) {
  const auto* configured = snapshot.Find(repository.name.virtual_storage);
  if (configured == nullptr) return false;
  return std::any_of(configured->nodes.begin(), configured->nodes.end(), [&](const auto& node) {
    return node.storage == storage && node.health == nodes::Health::kUp;
  });
}

bool MayBePrimary(const Repository& repository, int position) {
  const datastore::Books& books = repository.books;
  if (position == datastore::kNoStorage) return false;
  return position == books.primary ? datastore::IsCurrent(books, position)
                                   : datastore::MayPromote(books, position);
}

int64_t Milliseconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

std::vector<std::string> AssignedStorages(const Repository& repository,
                                          const nodes::Snapshot& snapshot) {
  std::set<std::string> assigned;
  const auto* configured = snapshot.Find(repository.name.virtual_storage);
  if (configured == nullptr) return {};
  for (const nodes::Node& node : configured->nodes) {
    const auto& wanted = repository.assignments;
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), node.storage) != wanted.end()) {
      assigned.insert(node.storage);
    }
  }
  return {assigned.begin(), assigned.end()};
}

::gitaly::GetRepositoryMetadataResponse MetadataOf(const Repository& repository,
                                                   const datastore::Overview::Times& verified,
                                                   const nodes::Snapshot& snapshot) {
  ::gitaly::GetRepositoryMetadataResponse response;
  response.set_repository_id(repository.id);
  response.set_virtual_storage(repository.name.virtual_storage);
  response.set_relative_path(repository.name.relative_path);
  response.set_replica_path(repository.replica_path);
  response.set_primary(repository.Name(repository.books.primary));
  response.set_generation(repository.books.generation);
  const std::vector<std::string> assigned = AssignedStorages(repository, snapshot);
  std::set<std::string> listed(assigned.begin(), assigned.end());
  for (size_t i = 0; i < repository.storages.size(); ++i) {
    if (repository.books.replicas[i].row) listed.insert(repository.storages[i]);
  }
  for (const std::string& storage : listed) {
    auto& replica = *response.add_replicas();
    const int position = repository.Position(storage);
    const bool healthy = IsHealthy(repository, snapshot, storage);
    const bool wanted = std::find(assigned.begin(), assigned.end(), storage) != assigned.end();
    replica.set_storage(storage);
    replica.set_assigned(wanted);
    replica.set_healthy(healthy);
    replica.set_valid_primary(healthy && wanted && MayBePrimary(repository, position));
    replica.set_generation(datastore::kNoClaim);
    if (position == datastore::kNoStorage) continue;
    replica.set_generation(repository.books.replicas[static_cast<size_t>(position)].generation);
    const auto time = verified.find(storage);
    if (time == verified.end()) continue;
    const int64_t milliseconds = Milliseconds(time->second);
    replica.mutable_verified_at()->set_seconds(milliseconds / 1'000);
    replica.mutable_verified_at()->set_nanos(static_cast<int>(milliseconds % 1'000) * 1'000'000);
  }
  return response;
}

}  // namespace praefect::service
