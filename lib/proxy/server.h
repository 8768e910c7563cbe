#pragma once

// The data plane: listeners, workers, and how they stop.

#include <absl/status/statusor.h>
#include <chrono>
#include <memory>
#include <vector>

#include "config/config.h"
#include "gitaly/method.h"
#include "net/inherited_sockets.h"
#include "nodes/manager.h"
#include "observe/log.h"
#include "observe/registry.h"
#include "proxy/books.h"
#include "proxy/local_endpoint.h"

namespace praefect::proxy {

class Server {
 public:
  // What is referred to outlives the server.
  struct Dependencies {
    std::shared_ptr<const config::Config> config;
    const gitaly::MethodRegistry& methods;
    nodes::Manager& nodes;  // not started yet: the server subscribes to it
    const LocalEndpoint& local;
    observe::Logger& logger;
    observe::Registry& metrics;
    net::InheritedSockets& inherited;  // those of our keys are taken from it
  };

  // Binds every configured listener and prepares the workers; nothing is accepted yet. Fails naming
  // the key and the address.
  static absl::StatusOr<std::unique_ptr<Server>> Listen(const Dependencies& dependencies);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void Start(Books books);  // accepts from now on
  // Where it listens, with the ports that the kernel chose.
  std::vector<config::Address> addresses() const;

  // Limits and client tokens for new connections and calls; open streams are not touched. What
  // needs a restart (addresses, workers) stays as it was at Listen.
  void Reload(std::shared_ptr<const config::Config> config);

  // Reads the certificate and the key of tls_listen_addr anew, for connections that come from now
  // on; their clients shake hands in full once, since older session tickets are void. On an error,
  // which names key and file, everything stays as it was.
  absl::Status ReplaceTls(const config::Tls& tls);

  // Whether every worker did something that it was asked to do before `deadline`: a loop that
  // hangs does not. Any thread, until Stop.
  bool WorkersAnswer(std::chrono::steady_clock::time_point deadline);

  // How many calls are under way. Any thread.
  int64_t open_calls() const;

  // For BookkeeperEvents::disowned: ends the calls that were recorded as that instance. Any thread.
  void EndInstance(int64_t instance);

  // First phase of stopping: closes the listeners and asks every client to leave (two-step GOAWAY).
  void Drain();
  // Waits until the last client has left, or `deadline`; tells which.
  bool WaitDrained(std::chrono::steady_clock::time_point deadline);
  // Second phase, after Drain: ends every call that is still open with UNAVAILABLE and counts it.
  // Clients that take their status leave then.
  void EndCalls();
  // Last phase: closes the connections that are still open and joins.
  void Stop();

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace praefect::proxy
