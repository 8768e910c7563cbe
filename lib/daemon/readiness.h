#pragma once

// Whether new calls should be sent to this Praefect, and if not, why: what /readyz shows, what
// systemd is told, and what a load balancer acts on.

#include <string>
#include <vector>

#include "daemon/books_database.h"
#include "nodes/snapshot.h"

namespace praefect::daemon {

// What it would be sent: anything, or writes, which need the primary of every virtual storage, and
// the database now.
enum class Purpose { kAnything, kWrites };

struct ReadinessCheck {
  // "stopping", "database", "recording" (of writes), "nodes-probed", "virtual-storage NAME"
  std::string name;
  std::string problem;  // empty: passed
  // False: shown, and Praefect is ready all the same (one virtual storage of several is down).
  bool required = true;
  bool operator==(const ReadinessCheck&) const = default;
};

// Ready is who does not stop, could use the database at least once, knows the health of every
// node, and has a healthy primary in at least one virtual storage. Health of gRPC says the same but
// for the nodes' being known.
std::vector<ReadinessCheck> CheckReadiness(const nodes::Snapshot& snapshot, const BooksState& books,
                                           bool stopping, Purpose purpose = Purpose::kAnything);

// No node is left of which nothing is known.
bool AllProbed(const nodes::Snapshot& snapshot);
bool IsReady(const std::vector<ReadinessCheck>& checks);

// For people: "ready" or "not ready", then a line for each check.
std::string ReadinessText(const std::vector<ReadinessCheck>& checks);

}  // namespace praefect::daemon
