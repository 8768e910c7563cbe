#pragma once

#include "config/findings.h"
#include "config/replication.h"

namespace praefect::config {

// Its times are the same for all instances, and in this order: a frozen instance stops sending
// before others may bury it, knows itself dead before its connections count as lost, and what it
// had sent can no longer be applied when it is settled by others. (Section 6 of the truth model.)
void CheckReplication(const Replication& replication, Findings& findings);

}  // namespace praefect::config
