#include "service_manager.h"

#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <string>

namespace praefect::cmd {

daemon::Supervisor FindSupervisor() {
  daemon::Supervisor supervisor;
  if (getenv("NOTIFY_SOCKET") == nullptr) return supervisor;
  // A service manager that is gone is no reason to do anything else than before.
  supervisor.notify = [](const std::string& lines) { sd_notify(0, lines.c_str()); };
  uint64_t watchdog_usec = 0;
  if (sd_watchdog_enabled(0, &watchdog_usec) > 0) {
    supervisor.watchdog = std::chrono::microseconds(watchdog_usec);
  }
  return supervisor;
}

std::vector<net::InheritedSocket> TakeInheritedSockets() {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  std::vector<net::InheritedSocket> sockets;
  for (int i = 0; i < count; i++) {
    sockets.push_back({SD_LISTEN_FDS_START + i, names[i]});
    free(names[i]);
  }
  free(names);
  return sockets;
}

}  // namespace praefect::cmd
