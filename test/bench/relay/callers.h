#pragma once

// Several client connections with calls on each, and a window of time in which something is
// counted.

#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <vector>

#include "relay/works.h"

namespace praefect::bench {

class Callers : public CallObserver {
 public:
  explicit Callers(const WorkOptions& options) : options_(options) {}

  // Connects options.connections clients.
  void ConnectAll(const EndpointOptions& endpoint = {});
  // Starts options.streams calls on each.
  void StartAll();
  void FlushAll();

  struct Counted {
    uint64_t count = 0;
    double seconds = 0;
    int64_t cpu_us = 0;
  };
  // How much `count` grew between warm_up and warm_up + seconds from now. `tick` is called all the
  // time with the present, and says when it wants to be called again at the latest.
  Counted CountOver(
      const uint64_t& count, const std::function<int64_t(int64_t)>& tick = [](int64_t) {
        return std::numeric_limits<int64_t>::max();
      });
  // Until `condition` holds; one that does not within 20 seconds is a failure, `what` is missing.
  // Who may starve waits a second, and is told.
  bool WaitUntil(const std::function<bool()>& condition, const char* what);
  // Whether no call was left over.
  bool WaitForEnd();

 protected:
  // Starts a call anew, or a first one.
  virtual void Begin(Client& client, Call& call) = 0;
  // Counts a call that Begin started.
  void Started() { open_++; }
  void OnFinished(Call&) override { open_--; }

  const WorkOptions& options_;
  Poller poller_;
  std::list<Call> calls_;  // the calls of StartAll; outlive clients_
  std::vector<std::unique_ptr<Client>> clients_;
  int64_t open_ = 0;
  bool stopping_ = false;  // nothing new begins
};

}  // namespace praefect::bench
