#pragma once

#include "config/config.h"
#include "config/findings.h"

namespace praefect::config {

// Upstream's rules of what keeps replicas up to date and tidy: [reconciliation],
// [background_verification], [repositories_cleanup]; and of [yamux].
void CheckReconciliation(const Reconciliation& reconciliation, Findings& findings);
void CheckVerification(const BackgroundVerification& verification, Findings& findings);
void CheckCleanup(const RepositoriesCleanup& cleanup, Findings& findings);
void CheckYamux(const Yamux& yamux, Findings& findings);

}  // namespace praefect::config
