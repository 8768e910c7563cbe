#pragma once

// What a node says of its storages, against what the configuration expects of it. Pure.

#include <string>
#include <vector>

#include "gitaly/server.pb.h"
#include "nodes/inspection.h"

namespace praefect::nodes {

struct StorageJudgement {
  std::vector<Step> steps;         // never empty
  std::vector<std::string> lines;  // upstream's
};
StorageJudgement JudgeStorages(const GitalyServer& server,
                               const ::gitaly::ServerInfoResponse& info);

// Nodes of one virtual storage that keep their repositories in the same place: a replica more that
// is none. Adds a broken step to each such inspection that has none yet.
void JudgeSharedPlaces(std::vector<Inspection>& inspections);

}  // namespace praefect::nodes
