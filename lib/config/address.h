#pragma once

// Where something listens: the one parser of tcp://, tls:// and unix: in the project.

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace praefect::config {

struct Address {
  enum class Kind { kTcp, kTls, kUnix };
  Kind kind = Kind::kTcp;
  std::string host;   // tcp, tls; IPv6 without brackets; empty on a listener: all interfaces
  uint16_t port = 0;  // tcp, tls; 0 when none was written
  std::string path;   // unix
  bool operator==(const Address&) const = default;

  // As it is written in config.toml: "tcp://host:port", "tls://host:port", "unix:path".
  std::string ToString() const;
};

// A node's address. tcp://HOST[:PORT], tls://HOST[:PORT] or unix:PATH (everything after "unix:" is
// the path; leading slashes collapse to one). Anything else: InvalidArgument
// `invalid connection string: "..."`.
absl::StatusOr<Address> ParseNodeAddress(std::string_view text);

// A listener's address: as above, or plain HOST:PORT (tcp).
absl::StatusOr<Address> ParseListenAddress(std::string_view text);

// The value of socket_path: a path, with or without "unix:" before it.
absl::StatusOr<Address> ParseSocketPath(std::string_view text);

}  // namespace praefect::config
