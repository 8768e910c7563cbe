#pragma once

// A byte stream under an HTTP/2 connection. Plain sockets today; TLS and yamux streams are further
// implementations, which is why nothing above this header knows a socket.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace praefect::net {

struct IoResult {
  enum class Kind { kOk, kWouldBlock, kEnd, kError };
  Kind kind = Kind::kOk;
  size_t bytes = 0;  // kOk only
  int error = 0;     // kError only: errno
};

// Owned by one thread. Never blocks. The destructor closes.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual IoResult Read(uint8_t* into, size_t size) = 0;
  virtual IoResult Write(const iovec* pieces, int count) = 0;
  virtual int fd() const = 0;  // for a Watcher
  // "tcp", "unix": the label of metrics and logs.
  virtual const char* kind() const = 0;
};

// Takes ownership of `fd`, a connected stream socket, and makes it non-blocking.
std::unique_ptr<Transport> MakePlainTransport(int fd, const char* kind);

}  // namespace praefect::net
