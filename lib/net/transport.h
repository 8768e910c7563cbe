#pragma once

// A byte stream under an HTTP/2 connection: a plain socket, or TLS over one. yamux streams are to
// be a further implementation, which is why nothing above this header knows a socket.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace praefect::net {

struct IoResult {
  enum class Kind {
    kOk,
    kWouldBlock,
    kEnd,
    kError,
    kTlsError,       // the other side broke the rules of TLS, or sent an alert
    kRenegotiation,  // the other side asked for what is switched off
  };
  Kind kind = Kind::kOk;
  size_t bytes = 0;            // kOk only
  int error = 0;               // kError only: errno
  const char* text = nullptr;  // kTlsError only: why, never freed
};

// Owned by one thread. Never blocks. The destructor closes.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual IoResult Read(uint8_t* into, size_t size) = 0;
  // May take less than all. What it did not take is offered first when it is called again, once
  // fd() is writable; by then it may lie elsewhere, and more may follow it.
  virtual IoResult Write(const iovec* pieces, int count) = 0;
  virtual int fd() const = 0;  // for a Watcher
  // "tcp", "tls", "unix": the label of metrics and logs.
  virtual const char* kind() const = 0;

  // There may be more to Read although fd() is not readable: bytes were taken off the socket and
  // not given out yet. A plain socket has none.
  bool holds_input() const { return holds_input_; }

 protected:
  bool holds_input_ = false;
};

// Takes ownership of `fd`, a connected stream socket, and makes it non-blocking.
std::unique_ptr<Transport> MakePlainTransport(int fd, const char* kind);

}  // namespace praefect::net
