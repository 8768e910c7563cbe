#pragma once

#include "config/config.h"
#include "config/findings.h"

namespace praefect::config {

// Somebody must listen. Before all other rules, as upstream does it.
void CheckListenersPresent(const Config& config, Findings& findings);

// The addresses of all listeners, and no two of them the same.
void CheckListeners(const Config& config, Findings& findings);

// `[tls]`: errors where tls_listen_addr needs it, else findings. Reads the files to see that they
// can be read; what is in them is for whoever loads them.
void CheckTls(Config& config, Findings& findings);

}  // namespace praefect::config
