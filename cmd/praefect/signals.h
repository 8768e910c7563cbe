#pragma once

// The signals that a server answers to, as calls in a thread of their own.

#include <atomic>
#include <functional>
#include <thread>

namespace praefect::cmd {

class Signals {
 public:
  // Construct it before the process has other threads: they inherit that TERM, INT, HUP and USR1
  // are blocked, and wait until someone takes them. PIPE is ignored: a lost peer is an error of
  // the write that finds out.
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // `handler` gets the number of each signal, one after the other, until this object goes. Once.
  void Deliver(std::function<void(int)> handler);
  // No handler runs when it returns, and none will: what it calls may go.
  void End();

 private:
  void Run();

  std::function<void(int)> handler_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace praefect::cmd
