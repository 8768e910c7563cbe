#include "support/raw_http2/socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace praefect::test {
namespace {

constexpr std::string_view kTcp = "tcp://127.0.0.1:";
constexpr std::string_view kTls = "tls://127.0.0.1:";
constexpr std::string_view kUnix = "unix:";

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

[[noreturn]] void Fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

SocketAddress Parse(const std::string& address) {
  SocketAddress result;
  if (address.starts_with(kTcp) || address.starts_with(kTls)) {
    auto* in = reinterpret_cast<sockaddr_in*>(&result.storage);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in->sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(kTcp.size()))));
    result.size = sizeof(*in);
    return result;
  }
  if (!address.starts_with(kUnix)) throw std::runtime_error("not an address: " + address);
  auto* un = reinterpret_cast<sockaddr_un*>(&result.storage);
  un->sun_family = AF_UNIX;
  const std::string path = address.substr(kUnix.size());
  if (path.size() >= sizeof(un->sun_path)) throw std::runtime_error("path too long: " + path);
  std::memcpy(un->sun_path, path.data(), path.size());
  result.size = sizeof(*un);
  return result;
}

Socket Open(const SocketAddress& address) {
  Socket socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) Fail("socket");
  return socket;
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(tls_, other.tls_);
  std::swap(side_, other.side_);
  return *this;
}

void Socket::Close() {
  tls_.reset();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Socket::Encrypt(TlsLayer::Side side) {
  side_ = side;
  int listens = 0;
  socklen_t size = sizeof listens;
  ::getsockopt(fd_, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
  if (listens == 0) tls_ = std::make_unique<TlsLayer>(fd_, side);
}

void Socket::Shutdown() {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

void Socket::ShutdownWriting() {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_WR);
}

bool Socket::WriteAll(std::string_view bytes) {
  return tls_ ? tls_->WriteAll(bytes) : WriteBeneathTls(bytes);
}

bool Socket::WriteBeneathTls(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

Socket::Input Socket::ReadSome(std::string& out, std::chrono::milliseconds timeout) {
  if (tls_) return tls_->ReadSome(out, timeout);
  pollfd ready{fd_, POLLIN, 0};
  const int count = ::poll(&ready, 1, static_cast<int>(timeout.count()));
  if (count <= 0) return Input::kTimeout;
  char buffer[65536];
  const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
  if (got <= 0) return Input::kEnd;
  out.append(buffer, static_cast<size_t>(got));
  return Input::kBytes;
}

Socket Dial(const std::string& address) {
  SocketAddress target = Parse(address);
  Socket socket = Open(target);
  if (::connect(socket.fd(), target.get(), target.size) != 0) Fail("connect to " + address);
  const int on = 1;
  ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (address.starts_with(kTls)) socket.Encrypt(TlsLayer::Side::kClient);
  return socket;
}

Socket Listen(const std::string& address) {
  SocketAddress target = Parse(address);
  Socket socket = Open(target);
  if (address.starts_with(kUnix)) ::unlink(address.substr(kUnix.size()).c_str());
  const int on = 1;
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(socket.fd(), target.get(), target.size) != 0) Fail("bind to " + address);
  if (::listen(socket.fd(), 64) != 0) Fail("listen on " + address);
  if (address.starts_with(kTls)) socket.Encrypt(TlsLayer::Side::kServer);
  return socket;
}

std::string BoundAddress(const Socket& listener) {
  SocketAddress bound;
  bound.size = sizeof(bound.storage);
  if (::getsockname(listener.fd(), bound.get(), &bound.size) != 0) Fail("getsockname");
  if (bound.storage.ss_family == AF_INET) {
    return std::string(listener.encrypted() ? kTls : kTcp) +
           std::to_string(ntohs(reinterpret_cast<sockaddr_in*>(&bound.storage)->sin_port));
  }
  return std::string(kUnix) + reinterpret_cast<sockaddr_un*>(&bound.storage)->sun_path;
}

Socket Accept(const Socket& listener) {
  Socket socket(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  const int on = 1;
  if (socket.fd() >= 0) ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (socket.fd() >= 0 && listener.encrypted()) socket.Encrypt(TlsLayer::Side::kServer);
  return socket;
}

}  // namespace praefect::test
