#pragma once

// One running Praefect: owns every part and knows in which order they start and stop.

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "config/address.h"
#include "config/config.h"
#include "config/problem.h"
#include "daemon/supervision.h"
#include "net/inherited_sockets.h"

namespace praefect::daemon {

struct Startup {
  config::Config config;
  std::vector<config::Problem> warnings;  // of the configuration; logged
  std::string version;                    // as in `praefect -version`
  std::string built;                      // when, "20261122.031415"; may be empty
  Supervisor supervisor;
  std::vector<net::InheritedSocket> sockets;  // taken over, whatever becomes of the start
  // How long a successor on such sockets waits for the embedded store: so long, and the times of
  // stopping.
  std::chrono::milliseconds hand_over_margin{30'000};
};

// Stopping has three phases. RequestStop: health answers NOT_SERVING and readiness is gone, and for
// graceful_stop_delay everything goes on. Then the listeners close, clients are asked to leave, and
// may finish what they began within graceful_stop_timeout. Then, or at StopNow, what is still open
// is ended with UNAVAILABLE.
class Daemon {
 public:
  // Listens when it returns, and waits for no node. Fails, with nothing left behind, when something
  // cannot be bound (the message names key and address), and when the database must not be used.
  // While another process has the embedded store it fails too; with sockets that were handed over
  // it waits for that process to end instead, and does not accept until then.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(Startup startup);
  ~Daemon();  // StopNow and Wait
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Reads the configuration file again and applies what does not need a restart: nodes, tokens,
  // limits, log level, times of stopping. False, with the old configuration in use, when the file
  // is broken. Any thread; the log says all there is to say.
  bool Reload();
  // Opens the log file again, for who rotates it.
  void ReopenLog();

  // Both return at once; any thread; more than once does nothing more.
  void RequestStop();
  void StopNow();
  // Until everything has stopped after RequestStop or StopNow: OK. Or until it gave up waiting for
  // the embedded store.
  absl::Status Wait();

  // Where clients and Prometheus are listened to, with the ports that the kernel chose.
  std::vector<config::Address> addresses() const;
  int admin_port() const;  // 0: there is no admin listener

 private:
  class Impl;
  explicit Daemon(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace praefect::daemon
