#pragma once

// A connection for looking at a node: blocking, and every wait ends at a deadline. What carries
// calls is in `net` and in the gRPC library.

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/address.h"
#include "net/socket_address.h"
#include "net/tls.h"
#include "net/tls_failure.h"
#include "net/transport.h"

namespace praefect::nodes {

using Deadline = std::chrono::steady_clock::time_point;

// All addresses of a host's name; of a unix path or a literal, itself. NotFound and Unavailable
// carry what the resolver said, DeadlineExceeded that it said nothing: it cannot be interrupted, so
// a thread is left behind that ends when the resolver does.
absl::StatusOr<std::vector<net::SocketAddress>> Resolve(const config::Address& address,
                                                        Deadline deadline);

// For people: "10.0.0.2:8075", "[::1]:8075"; empty for a unix path.
std::string ToString(const net::SocketAddress& address);

class DialedConnection {
 public:
  // Check error_number() afterwards.
  DialedConnection(const net::SocketAddress& address, Deadline deadline);
  DialedConnection(const DialedConnection&) = delete;
  DialedConnection& operator=(const DialedConnection&) = delete;

  // errno of what kept the connection from being made; ETIMEDOUT at the deadline; 0: it stands.
  int error_number() const { return error_number_; }

  // Speaks TLS from now on. Nothing when that worked; else why not ("timeout" at the deadline).
  // `host`: what the certificate has to be for.
  std::optional<net::TlsFailure> Encrypt(std::shared_ptr<const net::TlsClientContext> context,
                                         const std::string& host);
  int64_t certificate_not_after() const;  // seconds since 1970; 0 without TLS

  enum class Outcome { kDone, kClosed, kTimeout };  // kClosed: the peer ended or reset it
  Outcome Write(std::string_view bytes);
  Outcome Read(std::string& out);  // appends at least one byte

 private:
  int Connect(const net::SocketAddress& address);
  bool WaitFor(int fd, short events) const;  // false at the deadline

  const Deadline deadline_;
  std::unique_ptr<net::Transport> transport_;
  int error_number_ = 0;
  int64_t certificate_not_after_ = 0;
};

// What a peer says first.
enum class Greeting {
  kHttp2,
  kTls,     // a TLS record
  kHttp1,   // an HTTP/1 answer
  kOther,   // anything else
  kClosed,  // nothing, and it closed the connection
  kSilent,  // nothing until the deadline
};

// The peer's side of an HTTP/2 connection begins with a SETTINGS frame, whoever opened it.
Greeting JudgeGreeting(std::string_view first_bytes);

// Begins an HTTP/2 connection and looks at what comes back.
Greeting Greet(DialedConnection& connection);

// The client's side: preface and an empty SETTINGS frame.
std::string_view Http2Hello();

}  // namespace praefect::nodes
