#include "net/listener.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/socket_address.h"

namespace praefect::net {
namespace {

constexpr int kBacklog = 4096;        // capped by net.core.somaxconn
constexpr int kAcceptsPerRound = 64;  // others on this loop have their turn too

absl::Status SystemError(absl::string_view what, const config::Address& address, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat(what, " ", address.ToString()));
}

// True when a process answers on the path.
bool SomebodyListens(const SocketAddress& address) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return true;
  int result = connect(fd, address.get(), address.length);
  // A full backlog (EAGAIN) has a process behind it as well.
  bool dead = result < 0 && (errno == ECONNREFUSED || errno == ENOENT);
  close(fd);
  return !dead;
}

absl::Status RemoveDeadSocket(const config::Address& address, const SocketAddress& bound) {
  struct stat found;
  if (lstat(address.path.c_str(), &found) < 0) return absl::OkStatus();
  if (!S_ISSOCK(found.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(address.path, " exists and is no socket; remove it or name another path"));
  }
  if (SomebodyListens(bound)) {
    return absl::AlreadyExistsError(
        absl::StrCat("address already in use: a process answers on ", address.path));
  }
  if (unlink(address.path.c_str()) < 0)
    return SystemError("replace the dead socket", address, errno);
  return absl::OkStatus();
}

std::string PeerName(const sockaddr_storage& peer, socklen_t length) {
  if (peer.ss_family == AF_UNIX) return "";
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&peer), length, host, sizeof host, port,
                  sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "";
  }
  bool six = peer.ss_family == AF_INET6;
  return absl::StrCat(six ? "[" : "", host, six ? "]:" : ":", port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ListeningSocket>> ListeningSocket::Bind(
    const config::Address& address) {
  auto bound = ResolveNow(address, /*passive=*/true);
  if (!bound.ok()) return bound.status();
  if (address.kind == config::Address::Kind::kUnix) {
    if (auto removed = RemoveDeadSocket(address, *bound); !removed.ok()) return removed;
  }
  int fd = socket(bound->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return SystemError("make a socket for", address, errno);
  int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, bound->get(), bound->length) < 0 || listen(fd, kBacklog) < 0) {
    int error = errno;
    close(fd);
    if (error == EADDRINUSE) {
      return absl::AlreadyExistsError(absl::StrCat("address already in use: ", address.ToString()));
    }
    return SystemError("listen on", address, error);
  }
  config::Address actual = address;
  if (address.kind != config::Address::Kind::kUnix) {
    SocketAddress chosen;
    chosen.length = sizeof chosen.storage;
    getsockname(fd, chosen.get(), &chosen.length);
    actual.port = chosen.port();
  }
  std::unique_ptr<ListeningSocket> result(new ListeningSocket(fd, std::move(actual)));
  struct stat made;
  if (address.kind == config::Address::Kind::kUnix && lstat(address.path.c_str(), &made) == 0) {
    result->inode_ = made.st_ino;
  }
  return result;
}

std::unique_ptr<ListeningSocket> ListeningSocket::Adopt(int fd, config::Address address) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  return std::unique_ptr<ListeningSocket>(new ListeningSocket(fd, std::move(address)));
}

ListeningSocket::~ListeningSocket() {
  close(fd_);
  struct stat found;
  if (inode_ != 0 && lstat(address_.path.c_str(), &found) == 0 && found.st_ino == inode_) {
    unlink(address_.path.c_str());
  }
}

Acceptor::Acceptor(EventLoop& loop, std::unique_ptr<ListeningSocket> socket, Callbacks callbacks)
    : socket_(std::move(socket)),
      callbacks_(std::move(callbacks)),
      watcher_(loop, socket_->fd(), [this](bool, bool) { AcceptSome(); }),
      pause_(loop, [this] { watcher_.Want(true, false); }) {
  watcher_.Want(true, false);
}

void Acceptor::AcceptSome() {
  for (int i = 0; i < kAcceptsPerRound; i++) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    int fd = accept4(socket_->fd(), reinterpret_cast<sockaddr*>(&peer), &length,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      // A small answer would wait for the acknowledgement of the one before, up to 40 ms.
      int one = 1;
      if (peer.ss_family != AF_UNIX) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      callbacks_.accepted(fd, PeerName(peer, length));
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      callbacks_.failed(errno);
      watcher_.Want(false, false);
      pause_.Start(kAcceptPauseMs);
    }
    if (errno != ECONNABORTED && errno != EINTR) return;
  }
}

}  // namespace praefect::net
