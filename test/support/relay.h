#pragma once

// A network between a client and a database that can be cut at any byte.

#include <atomic>
#include <limits>
#include <mutex>
#include <string>
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

  // Forgets what passed until now. Between two transactions, so that a message begins.
  void Record();
  // Where each message of PostgreSQL's protocol ends that was passed on since (without TLS) and
  // asked for something to be done (Execute, Sync), or told that it was (CommandComplete,
  // ReadyForQuery).
  std::vector<size_t> EndsOfStatements(bool to_server);
  // The version that servers tell from now on, when theirs begins with `from`; both of one length.
  void PretendVersion(const std::string& from, const std::string& to);

 private:
  void Run();
  void Pass(int client, int server);
  bool PassSome(int from, int to, bool to_server);
  void Look(char* bytes, size_t count, bool to_server);

  const int server_port_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<size_t> to_server_{kNever}, to_client_{kNever};
  std::atomic<bool> silently_{false}, stopping_{false};
  std::mutex mutex_;  // guards the next four
  std::string passed_to_server_, passed_to_client_;
  std::string from_, to_;
  std::vector<int> silent_;  // sockets of connections that are kept open without a word
  std::thread thread_;
};

}  // namespace praefect::test
