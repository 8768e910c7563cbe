#pragma once

// Accepts connections for the HTTP library. Its own accepting can neither share a socket with
// another process (it blocks when that one was faster) nor leave it alone (it shuts down what it
// listened on, for everybody), which a successor on an inherited socket needs.

#include <httplib.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "net/listener.h"

namespace praefect::daemon {

// Pages, limits and time limits are set on it as on any httplib::Server, before Start.
class HttpConnections final : public httplib::Server {
 public:
  static constexpr size_t kThreads = 4;  // one for each connection that is open
  static constexpr int kIdleMs = 2'000;  // between two requests of a connection
  // From the first byte of a request to its answer's last.
  static constexpr int kRequestMs = 10'000;
  // Served and waiting for a thread; what comes beyond is closed.
  static constexpr size_t kMaxOpen = 64;

  // `refused` is called, by a thread of its own, for each connection beyond kMaxOpen.
  explicit HttpConnections(std::function<void()> refused, int request_ms = kRequestMs);
  ~HttpConnections() override;  // stops, waits for requests under way

  void Start(std::unique_ptr<net::ListeningSocket> socket);
  // Closes the socket and idle connections; requests under way are answered. Once.
  void StopAccepting();

 private:
  void Accept();
  void Serve(int fd);
  // False when nothing came in time, or accepting has stopped.
  bool WaitReadable(int fd, int timeout_ms) const;

  const std::function<void()> refused_;
  const int request_ms_;
  const int stopping_;  // an eventfd; readable once accepting stops
  std::unique_ptr<net::ListeningSocket> socket_;
  std::atomic<size_t> open_{0};
  httplib::ThreadPool threads_{kThreads};
  std::thread acceptor_;
};

}  // namespace praefect::daemon
