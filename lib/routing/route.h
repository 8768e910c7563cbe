#pragma once

// Pure choice: what is known about the nodes + what is asked -> where it goes, or why it does not.

#include <absl/status/status.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "datastore/repository.h"
#include "gitaly/method.h"
#include "gitaly/target.h"
#include "nodes/snapshot.h"

namespace praefect::routing {

struct Route {
  // Where the call goes; its answer is the client's. Borrowed from the snapshot.
  const nodes::Node* node = nullptr;
  // Calls that go to several nodes (namespace mutators): the others, which get the same request
  // with their own storage name. The first error of any of them is the client's answer.
  std::vector<const nodes::Node*> also;
  // Nodes that such a call should reach and does not, because they are down, or their disk is in
  // doubt: they miss the change.
  std::vector<const nodes::Node*> skipped;
  gitaly::TargetRewrite rewrite;  // for `node`; views into the snapshot and the books
};

// Why a call goes nowhere.
struct Refusal {
  absl::StatusCode code = absl::StatusCode::kInternal;
  std::string message;      // to the client; upstream's words first
  std::string_view reason;  // short, from a fixed set: the value of a metric label
  std::string hint;         // for the log: what to look at or change; may be empty
};

// The request is about what the books do not know, or changes which repositories there are: what
// goes where is not decided by the route of one repository.
struct NeedsName {};

// Another replica is to become the repository's primary first (primaries.h).
struct NeedsPrimary {
  bool planned = false;  // the present one could take the write
};

// Repository scope goes to the primary of the virtual storage that the target names; storage scope
// as well, except that namespace mutators go to every routable node. `FindRemoteRepository` with an
// empty storage means the first virtual storage. A node of which nothing is known yet is routable
// (nodes::Node::routable).
//
// Refusals: UNIMPLEMENTED for what has no node to go to (not served, scopes other than these two),
// INVALID_ARGUMENT for a target that names nothing, UNAVAILABLE when the node is down: clients
// retry that, and operators search for how its message begins. A mutator whose node's disk is in
// doubt gets UNAVAILABLE while that may pass, FAILED_PRECONDITION when the disk is suspect.
//
// `snapshot` must outlive the result. Allocates for refusals, `also` and `skipped` only.
std::variant<Route, Refusal> Choose(const nodes::Snapshot& snapshot, const gitaly::Method& method,
                                    const gitaly::RequestTarget& target);

// Whether the books are asked where the request goes: it names a repository, in a virtual storage
// that there is. All else is for Choose.
bool AsksBooks(const nodes::Snapshot& snapshot, const gitaly::Method& method,
               const gitaly::RequestTarget& target);

// The repositories of a request, as the books know them; nullptr: not at all.
struct Booked {
  const datastore::Repository* target = nullptr;
  const datastore::Repository* additional = nullptr;
  bool primary_stays = false;  // it was asked whether another one becomes primary: not now
};

// A request for which AsksBooks holds. `writes`: it is recorded before it is sent. Writes and
// maintenance go to the repository's primary, which must be healthy, and for a write current, as
// must be an additional repository there. A write waits where its repository is to get another
// primary. Reads go to the primary as well, for now; where that is down, to a complete replica.
// Paths are rewritten to replica paths.
//
// Refusals: UNAVAILABLE, those of Choose, and FAILED_PRECONDITION where no replica that may become
// primary is complete. What is referred to must outlive the result.
using BookedChoice = std::variant<Route, Refusal, NeedsName, NeedsPrimary>;
BookedChoice ChooseByBooks(const nodes::Snapshot& snapshot, const gitaly::Method& method,
                           const gitaly::RequestTarget& target, const Booked& booked, bool writes);

}  // namespace praefect::routing
