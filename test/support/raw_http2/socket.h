#pragma once

// Blocking sockets with bounded waits, over tcp on the loopback interface and over unix sockets.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace praefect::test {

// How long a peer waits for something that must come. Generous: it is reached only in failure.
inline constexpr std::chrono::seconds kPatience{20};

// Owns a file descriptor.
class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  ~Socket() { Close(); }
  Socket(Socket&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Socket& operator=(Socket&& other) noexcept;

  int fd() const { return fd_; }
  void Close();
  // Wakes every thread that waits on it, without giving the descriptor up.
  void Shutdown();

  // False when the peer is gone.
  bool WriteAll(std::string_view bytes);
  enum class Input { kBytes, kEnd, kTimeout };
  // Appends what is there to `out`, waiting for the first byte up to `timeout`.
  Input ReadSome(std::string& out, std::chrono::milliseconds timeout);

 private:
  int fd_;
};

// `address` is "tcp://127.0.0.1:PORT" or "unix:/path". All throw std::runtime_error on failure.
Socket Dial(const std::string& address);
// Port 0: any. An old socket file is replaced.
Socket Listen(const std::string& address);
// As Listen, but says what was bound: the port is filled in.
std::string BoundAddress(const Socket& listener);
// Invalid (-1) when the listener was shut down.
Socket Accept(const Socket& listener);

}  // namespace praefect::test
