#pragma once

// The answer of StatusService, out of what is known of nodes and books. Pure.

#include <string>

#include "db/database.h"
#include "nodes/snapshot.h"
#include "praefect/status.pb.h"
#include "service/survey.h"

namespace praefect::service {

struct BooksFacts {
  db::Engine engine = db::Engine::kPostgres;
  int64_t instance = 0;
  std::string recording_problem;
  int64_t connections = 0, busy = 0, waiting = 0;
};

struct StatusFacts {
  std::string version;
  const nodes::Snapshot& nodes;
  BooksFacts books;
  const Survey& survey;
};

// Of one virtual storage, or of all where none is named; with its findings.
api::StatusResponse StatusOf(const StatusFacts& facts, const std::string& virtual_storage);

}  // namespace praefect::service
