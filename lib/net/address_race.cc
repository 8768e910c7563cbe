#include "net/address_race.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace praefect::net {
namespace {

// A peer whose host is gone: idle connections are probed after 20 s, unacknowledged data fails a
// connection after 30 s. A frozen process is another matter, see http2::Keepalive.
void TuneTcp(int fd) {
  auto set = [fd](int level, int name, int value) {
    setsockopt(fd, level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 20);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
}

}  // namespace

AddressRace::AddressRace(EventLoop& loop, std::vector<SocketAddress> addresses, Done done)
    : loop_(loop),
      left_(addresses.rbegin(), addresses.rend()),
      done_(std::move(done)),
      stagger_(loop, [this] { BeginNext(); }) {}

AddressRace::~AddressRace() {
  for (Attempt& attempt : attempts_) {
    attempt.watcher.reset();
    close(attempt.fd);
  }
}

void AddressRace::Start() { BeginNext(); }

void AddressRace::BeginNext() {
  stagger_.Stop();
  while (!left_.empty()) {
    const SocketAddress address = left_.back();
    left_.pop_back();
    if (!Begin(address)) continue;
    if (attempts_.back().watcher == nullptr) return Ready(attempts_.back().fd);
    if (!left_.empty()) stagger_.Start(kStaggerMs);
    return;
  }
  if (attempts_.empty()) Finish(last_error_);
}

// False when it failed at once; without a watcher it is connected already.
bool AddressRace::Begin(const SocketAddress& address) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    last_error_ = absl::ErrnoToStatus(errno, "make a socket");
    return false;
  }
  if (address.family() != AF_UNIX) TuneTcp(fd);
  attempts_.push_back({fd, nullptr});
  if (connect(fd, address.get(), address.length) == 0) return true;
  if (errno != EINPROGRESS) {
    last_error_ = absl::UnavailableError(strerror(errno));
    Close(fd);
    return false;
  }
  auto& watcher = attempts_.back().watcher;
  watcher = std::make_unique<Watcher>(loop_, fd, [this, fd](bool, bool) { Ready(fd); });
  watcher->Want(false, true);
  return true;
}

void AddressRace::Ready(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error == 0) {
    std::erase_if(attempts_, [&](const Attempt& attempt) { return attempt.fd == fd; });
    return Finish(fd);
  }
  last_error_ = absl::UnavailableError(strerror(error));
  Close(fd);
  BeginNext();
}

void AddressRace::Close(int fd) {
  std::erase_if(attempts_, [&](const Attempt& attempt) { return attempt.fd == fd; });
  close(fd);
}

void AddressRace::Finish(absl::StatusOr<int> result) {
  stagger_.Stop();
  const Done done = std::move(done_);
  done(std::move(result));
}

}  // namespace praefect::net
