#pragma once

// One repository as GetRepositoryMetadata tells it. Pure.

#include "datastore/overview.h"
#include "gitaly/praefect.pb.h"
#include "nodes/snapshot.h"

namespace praefect::service {

// The configured storages that shall hold it, by name; without assignments all of them.
std::vector<std::string> AssignedStorages(const datastore::Repository& repository,
                                          const nodes::Snapshot& snapshot);

// Replicas that are assigned or recorded, by name. A valid primary is one that could be promoted
// now, or is the primary, on a healthy node that shall hold the repository.
::gitaly::GetRepositoryMetadataResponse MetadataOf(const datastore::Repository& repository,
                                                   const datastore::Overview::Times& verified,
                                                   const nodes::Snapshot& snapshot);

}  // namespace praefect::service
