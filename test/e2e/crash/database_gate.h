#pragma once

// The network between one Praefect and PostgreSQL, which can break or fall silent as a whole.

#include <atomic>
#include <list>
#include <mutex>
#include <thread>

namespace praefect::crash {

class DatabaseGate {
 public:
  enum class State {
    kOpen,
    kCut,     // connections break, new ones are not taken
    kSilent,  // connections stay, and nothing passes
  };

  explicit DatabaseGate(int server_port);
  ~DatabaseGate();
  DatabaseGate(const DatabaseGate&) = delete;
  DatabaseGate& operator=(const DatabaseGate&) = delete;

  int port() const { return port_; }
  void Set(State state) { state_ = state; }

 private:
  void Run();
  void Accept();

  const int server_port_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<State> state_{State::kOpen};
  std::atomic<bool> stopping_{false};
  struct Connection {
    int client, server;
  };
  std::list<Connection> connections_;  // of thread_
  std::thread thread_;
};

}  // namespace praefect::crash
