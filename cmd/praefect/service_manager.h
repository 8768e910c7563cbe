#pragma once

// What systemd, or whoever speaks its protocols, has put into the environment.

#include <vector>

#include "daemon/supervision.h"
#include "net/inherited_sockets.h"

namespace praefect::cmd {

// NOTIFY_SOCKET and WATCHDOG_USEC.
daemon::Supervisor FindSupervisor();
// LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES, which are removed: children would believe them.
std::vector<net::InheritedSocket> TakeInheritedSockets();

}  // namespace praefect::cmd
