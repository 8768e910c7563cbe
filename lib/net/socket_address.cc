#include "net/socket_address.h"

#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <sys/un.h>

#include <cstring>

namespace praefect::net {
namespace {

absl::StatusOr<SocketAddress> FromPath(const std::string& path) {
  SocketAddress result;
  auto* address = reinterpret_cast<sockaddr_un*>(&result.storage);
  if (path.empty() || path.size() >= sizeof address->sun_path) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a unix socket path has 1 to ", sizeof address->sun_path - 1, " characters: ", path));
  }
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path.c_str(), path.size() + 1);
  result.length = sizeof *address;
  return result;
}

absl::StatusOr<std::vector<SocketAddress>> Lookup(const config::Address& address, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  std::string port = absl::StrCat(address.port);
  int error = getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(), port.c_str(),
                          &hints, &found);
  if (error != 0) {
    return absl::NotFoundError(
        absl::StrCat("cannot resolve \"", address.host, "\": ", gai_strerror(error)));
  }
  std::vector<SocketAddress> all;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    SocketAddress& result = all.emplace_back();
    memcpy(&result.storage, one->ai_addr, one->ai_addrlen);
    result.length = one->ai_addrlen;
  }
  freeaddrinfo(found);
  return all;
}

absl::StatusOr<SocketAddress> First(absl::StatusOr<std::vector<SocketAddress>> found) {
  if (!found.ok()) return found.status();
  return found->front();
}

}  // namespace

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  if (family() == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  return 0;
}

absl::StatusOr<SocketAddress> FromLiteral(const config::Address& address) {
  if (address.kind == config::Address::Kind::kUnix) return FromPath(address.path);
  return First(Lookup(address, AI_NUMERICHOST));
}

absl::StatusOr<SocketAddress> ResolveNow(const config::Address& address, bool passive) {
  if (address.kind == config::Address::Kind::kUnix) return FromPath(address.path);
  return First(ResolveAllNow(address, passive));
}

absl::StatusOr<std::vector<SocketAddress>> ResolveAllNow(const config::Address& address,
                                                         bool passive) {
  return Lookup(address, passive ? AI_PASSIVE : 0);
}

}  // namespace praefect::net
