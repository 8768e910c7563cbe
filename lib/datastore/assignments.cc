#include "datastore/assignments.h"

#include <algorithm>

namespace praefect::datastore {

void PlaceWanted(Repository& repository, const Storages& configured) {
  const std::vector<std::string>& assigned = repository.assignments;
  if (assigned.empty()) {
    const auto all = configured.find(repository.name.virtual_storage);
    if (all == configured.end()) return;
    for (const std::string& storage : all->second) repository.Place(storage);
    return;
  }
  for (const std::string& storage : assigned) repository.Place(storage);
  for (size_t i = 0; i < repository.storages.size(); ++i) {
    repository.books.replicas[i].surplus =
        std::find(assigned.begin(), assigned.end(), repository.storages[i]) == assigned.end();
  }
}

std::vector<std::string> PickAssignments(std::vector<std::string> storages,
                                         std::vector<std::string> holders, size_t factor,
                                         std::mt19937_64& random) {
  if (factor == 0) return {};
  for (const std::string& holder : holders) std::erase(storages, holder);
  std::shuffle(storages.begin(), storages.end(), random);
  for (const std::string& storage : storages) {
    if (holders.size() >= factor) break;
    holders.push_back(storage);
  }
  return holders;
}

}  // namespace praefect::datastore
