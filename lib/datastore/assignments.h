#pragma once

// On which storages a repository is wanted: on those that it is assigned to, or, without
// assignments, on all that its virtual storage has. Assignments come from databases of the Go
// Praefect, and from default_replication_factor.

#include <map>
#include <random>
#include <string>
#include <vector>

#include "datastore/repository.h"

namespace praefect::datastore {

// The storages of each virtual storage, as configured.
using Storages = std::map<std::string, std::vector<std::string>>;

// Gives every storage on which the repository is wanted its place, and marks the others.
void PlaceWanted(Repository& repository, const Storages& configured);

// Of a new repository: the storages that hold it already (the first is its primary), and so many
// others at random that there are `factor`, or all. None for a factor of 0: it is wanted
// everywhere.
std::vector<std::string> PickAssignments(std::vector<std::string> storages,
                                         std::vector<std::string> holders, size_t factor,
                                         std::mt19937_64& random);

}  // namespace praefect::datastore
