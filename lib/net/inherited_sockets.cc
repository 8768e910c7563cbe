#include "net/inherited_sockets.h"

#include <absl/strings/str_cat.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "net/socket_address.h"

namespace praefect::net {
namespace {

constexpr std::string_view kKeys[] = {"listen_addr", "tls_listen_addr", "socket_path",
                                      "prometheus_listen_addr"};

bool NamesAKey(const InheritedSocket& socket) {
  return std::find(std::begin(kKeys), std::end(kKeys), socket.name) != std::end(kKeys);
}

std::optional<SocketAddress> AddressOf(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (getsockname(fd, address.get(), &address.length) < 0) return std::nullopt;
  return address;
}

bool Listens(int fd) {
  int accepts = 0, type = 0;
  socklen_t size = sizeof accepts, type_size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) == 0 && accepts != 0 &&
         getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM;
}

std::string PathOf(const SocketAddress& address) {
  const auto* path = reinterpret_cast<const sockaddr_un*>(address.get())->sun_path;
  const size_t offset = offsetof(sockaddr_un, sun_path);
  if (address.length <= offset) return "";
  return {path, strnlen(path, address.length - offset)};
}

// As config.toml writes it, without a scheme for TLS: a socket does not know that.
std::string TextOf(const SocketAddress& address) {
  if (address.family() == AF_UNIX) return "unix:" + PathOf(address);
  char host[INET6_ADDRSTRLEN] = "?";
  getnameinfo(address.get(), address.length, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  return config::Address{config::Address::Kind::kTcp, host, address.port(), ""}.ToString();
}

bool IsAnyHost(const SocketAddress& address) {
  if (address.family() == AF_INET) {
    return reinterpret_cast<const sockaddr_in*>(address.get())->sin_addr.s_addr == INADDR_ANY;
  }
  const auto* six = reinterpret_cast<const sockaddr_in6*>(address.get());
  return IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
}

bool SameHost(const SocketAddress& a, const SocketAddress& b) {
  if (IsAnyHost(a) || IsAnyHost(b)) return IsAnyHost(a) && IsAnyHost(b);
  if (a.family() != b.family()) return false;
  if (a.family() == AF_INET) {
    return reinterpret_cast<const sockaddr_in*>(a.get())->sin_addr.s_addr ==
           reinterpret_cast<const sockaddr_in*>(b.get())->sin_addr.s_addr;
  }
  return memcmp(&reinterpret_cast<const sockaddr_in6*>(a.get())->sin6_addr,
                &reinterpret_cast<const sockaddr_in6*>(b.get())->sin6_addr, sizeof(in6_addr)) == 0;
}

bool IsUnix(const config::Address& address) { return address.kind == config::Address::Kind::kUnix; }

bool IsOneOf(const SocketAddress& socket,
             const absl::StatusOr<std::vector<SocketAddress>>& wanted) {
  return wanted.ok() && std::any_of(wanted->begin(), wanted->end(), [&](const SocketAddress& one) {
           return SameHost(one, socket);
         });
}

// Whether a socket that is named for the key may serve `wanted`. A socket of all interfaces does
// not stand for one of them: the file may mean to keep the others out.
bool MayServe(const SocketAddress& socket, const config::Address& wanted) {
  if (IsUnix(wanted) != (socket.family() == AF_UNIX)) return false;
  if (IsUnix(wanted)) return PathOf(socket) == wanted.path;
  return (wanted.port == 0 || wanted.port == socket.port()) &&
         IsOneOf(socket, ResolveAllNow(wanted, /*passive=*/true));
}

bool ListensOn(const SocketAddress& socket, const config::Address& wanted) {
  return (IsUnix(wanted) || wanted.port != 0) && MayServe(socket, wanted);
}

}  // namespace

InheritedSockets::InheritedSockets(std::vector<InheritedSocket> sockets)
    : sockets_(std::move(sockets)) {}

InheritedSockets::~InheritedSockets() {
  for (const InheritedSocket& socket : sockets_) close(socket.fd);
}

absl::StatusOr<std::unique_ptr<ListeningSocket>> InheritedSockets::Take(
    std::string_view key, const config::Address& address) {
  auto found = std::find_if(sockets_.begin(), sockets_.end(),
                            [&](const InheritedSocket& socket) { return socket.name == key; });
  if (found == sockets_.end()) {
    found = std::find_if(sockets_.begin(), sockets_.end(), [&](const InheritedSocket& socket) {
      const auto bound = AddressOf(socket.fd);
      return !NamesAKey(socket) && bound && Listens(socket.fd) && ListensOn(*bound, address);
    });
    if (found == sockets_.end()) return nullptr;
  }
  const auto bound = AddressOf(found->fd);
  if (!bound || !Listens(found->fd)) {
    return absl::InvalidArgumentError("the inherited descriptor of that name does not listen");
  }
  if (!MayServe(*bound, address)) {
    return absl::InvalidArgumentError(absl::StrCat("the inherited socket of that name listens on ",
                                                   TextOf(*bound),
                                                   "; let the two name the same address"));
  }
  const int fd = found->fd;
  sockets_.erase(found);
  config::Address actual = address;
  if (!IsUnix(address)) actual.port = bound->port();
  return ListeningSocket::Adopt(fd, std::move(actual));
}

absl::Status InheritedSockets::CheckAllTaken() const {
  if (sockets_.empty()) return absl::OkStatus();
  const InheritedSocket& left = sockets_.front();
  const auto bound = AddressOf(left.fd);
  const std::string where =
      bound && bound->family() != AF_UNSPEC ? TextOf(*bound) : std::string("no address");
  return absl::InvalidArgumentError(
      absl::StrCat("an inherited socket (", where, ", named \"", left.name,
                   "\") is no listener of the configuration: name it after its key "
                   "(FileDescriptorName=listen_addr, tls_listen_addr, socket_path or "
                   "prometheus_listen_addr), set that key, or do not hand it over"));
}

}  // namespace praefect::net
