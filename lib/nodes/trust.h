#pragma once

// What nodes with tls:// are reached with.

#include <memory>

#include "config/config.h"
#include "net/tls.h"
#include "nodes/snapshot.h"
#include "observe/log.h"

namespace praefect::nodes {

// Reads the machine's trust store; nullptr where no node has TLS. What could not be read is logged.
std::shared_ptr<const net::TlsClientContext> ReadTrust(const config::Config& config,
                                                       observe::Logger& logger);

// Gives it to the nodes that have TLS.
void Trust(Snapshot& snapshot, const std::shared_ptr<const net::TlsClientContext>& trust);

}  // namespace praefect::nodes
