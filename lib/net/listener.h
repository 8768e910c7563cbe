#pragma once

// Sockets that clients connect to.

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>

#include "config/address.h"
#include "net/event_loop.h"

namespace praefect::net {

// A bound, listening, non-blocking socket. Closes it, and removes the path of a unix socket that it
// made, when destroyed.
class ListeningSocket {
 public:
  // Binds without SO_REUSEPORT: a second process on the address fails with "address already in
  // use". A unix socket that nobody listens on any more is replaced, a live one is not.
  static absl::StatusOr<std::unique_ptr<ListeningSocket>> Bind(const config::Address& address);
  // Takes over a socket that somebody else bound to `address`, and who may go on using it.
  static std::unique_ptr<ListeningSocket> Adopt(int fd, config::Address address);
  ~ListeningSocket();
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;

  int fd() const { return fd_; }
  // As a client would write it, with the port that the kernel chose for port 0.
  const config::Address& address() const { return address_; }

 private:
  ListeningSocket(int fd, config::Address address) : fd_(fd), address_(std::move(address)) {}
  int fd_;
  config::Address address_;
  uint64_t inode_ = 0;  // of our unix socket: a path that somebody replaced is not ours to remove
};

// Accepts on a listening socket for as long as it lives. When descriptors run out it pauses for
// kAcceptPause and tells so.
class Acceptor {
 public:
  static constexpr int64_t kAcceptPauseMs = 100;
  struct Callbacks {
    // A connected, non-blocking socket, now the callee's, and the peer's address ("127.0.0.1:4711",
    // empty for unix).
    std::function<void(int fd, std::string peer)> accepted;
    std::function<void(int error)> failed;  // errno of an accept that failed for want of resources
  };
  Acceptor(EventLoop& loop, std::unique_ptr<ListeningSocket> socket, Callbacks callbacks);
  const config::Address& address() const { return socket_->address(); }

 private:
  void AcceptSome();

  std::unique_ptr<ListeningSocket> socket_;
  Callbacks callbacks_;
  Watcher watcher_;
  Timer pause_;
};

}  // namespace praefect::net
