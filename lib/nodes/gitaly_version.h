#pragma once

// What a node can be relied on for, by the version that it tells ("13.2.0-rc1", from ServerInfo).
// One that tells none, or none that can be read, is not relied on for anything, and is asked for
// what all but the oldest know. Pure. The releases of RPCs are those of proto/.

#include <string_view>

namespace praefect::nodes {

// A call ends on the node when its caller resets it: from 13.2 on.
bool EndsCancelledCalls(std::string_view version);

// ReplicateRepository leaves the target as its source was: from 13.2 on. Until then one that
// creates the target unpacks a tar, which nothing keeps from changing while it is read, and one
// that updates it leaves HEAD alone.
bool ReplicatesWhole(std::string_view version);

// Knows ReplicateRepository and GetObjectPool: from 12.5 on.
bool KnowsReplicateRepository(std::string_view version);

// Cleanup removes lock files that a killed git left: until 15.11. OptimizeRepository, from 13.0 on,
// does so from then on.
bool KnowsCleanup(std::string_view version);

}  // namespace praefect::nodes
