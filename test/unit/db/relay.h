#pragma once

// A network between a client and a database that can be cut at any byte.

#include <atomic>
#include <limits>
#include <thread>
#include <vector>

namespace praefect::test {

// Passes on what comes to its port of 127.0.0.1, one connection after the other.
class Relay {
 public:
  static constexpr size_t kNever = std::numeric_limits<size_t>::max();

  explicit Relay(int server_port);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  int port() const { return port_; }
  // From now on so many bytes pass in each direction; then the connection breaks, or, when
  // `silently`, stays open and passes nothing more. Connections that come afterwards pass
  // everything.
  void CutAfter(size_t bytes_to_server, size_t bytes_to_client, bool silently = false);

 private:
  void Run();
  void Pass(int client, int server);
  bool PassSome(int from, int to, std::atomic<size_t>& left);

  const int server_port_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<size_t> to_server_{kNever}, to_client_{kNever};
  std::atomic<bool> silently_{false}, stopping_{false};
  std::vector<int> silent_;  // sockets of connections that are kept open without a word
  std::thread thread_;
};

}  // namespace praefect::test
