#pragma once

// Blocking sockets with bounded waits, over tcp and TLS on the loopback interface and over
// unix sockets.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/raw_http2/tls_layer.h"

namespace praefect::test {

// How long a peer waits for something that must come. Generous: it is reached only in failure.
inline constexpr std::chrono::seconds kPatience{20};

// Owns a file descriptor.
class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  ~Socket() { Close(); }
  Socket(Socket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), tls_(std::move(other.tls_)), side_(other.side_) {}
  Socket& operator=(Socket&& other) noexcept;

  int fd() const { return fd_; }
  void Close();
  // What is written and read from now on is under TLS. On a listener: what it accepts is.
  void Encrypt(TlsLayer::Side side);
  bool encrypted() const { return side_.has_value(); }
  // Wakes every thread that waits on it, without giving the descriptor up.
  void Shutdown();

  // The end of what is written.
  void ShutdownWriting();

  // False when the peer is gone.
  bool WriteAll(std::string_view bytes);
  // The same, past the TLS layer where there is one.
  bool WriteBeneathTls(std::string_view bytes);
  using Input = TlsLayer::Input;
  // Appends what is there to `out`, waiting for the first byte up to `timeout`.
  Input ReadSome(std::string& out, std::chrono::milliseconds timeout);

 private:
  int fd_;
  std::unique_ptr<TlsLayer> tls_;
  std::optional<TlsLayer::Side> side_;
};

// `address` is "tcp://127.0.0.1:PORT", "tls://127.0.0.1:PORT" or "unix:/path". All throw
// std::runtime_error on failure.
Socket Dial(const std::string& address);
// Port 0: any. An old socket file is replaced.
Socket Listen(const std::string& address);
// As Listen, but says what was bound: the port is filled in.
std::string BoundAddress(const Socket& listener);
// Invalid (-1) when the listener was shut down.
Socket Accept(const Socket& listener);

}  // namespace praefect::test
