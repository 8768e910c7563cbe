#pragma once

// A kernel socket address, and the ways to get one from a configured address.

#include <absl/status/statusor.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <vector>

#include "config/address.h"

namespace praefect::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  uint16_t port() const;  // of an IPv4 or IPv6 address, else 0
};

// A unix path, or an IP address that is written as one; NotFound for a name, which takes a
// resolver.
absl::StatusOr<SocketAddress> FromLiteral(const config::Address& address);

// Also resolves names, and blocks while it does: for the start only. `passive`: to listen on; an
// empty host means all interfaces.
absl::StatusOr<SocketAddress> ResolveNow(const config::Address& address, bool passive);
// The same, all that the name means; at least one.
absl::StatusOr<std::vector<SocketAddress>> ResolveAllNow(const config::Address& address,
                                                         bool passive);

}  // namespace praefect::net
