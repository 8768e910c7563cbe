#include "daemon/http_connections.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace praefect::daemon {
namespace {

constexpr int kPauseMs = 100;  // when descriptors run out

void LimitWaiting(int fd) {
  const timeval longest{HttpConnections::kPeerMs / 1'000, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
}

// A connected socket as the library reads and writes it.
class SocketStream final : public httplib::Stream {
 public:
  explicit SocketStream(int fd) : fd_(fd) { LimitWaiting(fd); }
  ~SocketStream() override { close(fd_); }

  bool holds_bytes() const { return begin_ < end_; }
  bool is_readable() const override { return holds_bytes() || Is(POLLIN); }
  bool is_writable() const override { return Is(POLLOUT); }
  ssize_t read(char* into, size_t size) override {  // the library asks for single bytes
    if (!holds_bytes()) {
      const ssize_t received =
          Retried([&] { return recv(fd_, buffer_.data(), buffer_.size(), 0); });
      if (received <= 0) return received;
      begin_ = 0, end_ = static_cast<size_t>(received);
    }
    const size_t taken = std::min(size, end_ - begin_);
    memcpy(into, buffer_.data() + begin_, taken);
    begin_ += taken;
    return static_cast<ssize_t>(taken);
  }
  ssize_t write(const char* bytes, size_t size) override {
    return Retried([&] { return send(fd_, bytes, size, MSG_NOSIGNAL); });
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}  // no page shows them
  void get_local_ip_and_port(std::string&, int&) const override {}
  int socket() const override { return fd_; }

 private:
  template <typename Call>
  static ssize_t Retried(Call call) {
    for (;;) {
      const ssize_t result = call();
      if (result >= 0 || errno != EINTR) return result;
    }
  }
  bool Is(short event) const {
    pollfd ready{fd_, event, 0};
    return poll(&ready, 1, HttpConnections::kPeerMs) > 0;
  }

  const int fd_;
  std::array<char, 4096> buffer_;
  size_t begin_ = 0, end_ = 0;
};

}  // namespace

HttpConnections::HttpConnections() : stopping_(eventfd(0, EFD_CLOEXEC)) {}

HttpConnections::~HttpConnections() {
  StopAccepting();
  threads_.shutdown();
  close(stopping_);
}

void HttpConnections::Start(std::unique_ptr<net::ListeningSocket> socket) {
  socket_ = std::move(socket);
  acceptor_ = std::thread([this] { Accept(); });
}

void HttpConnections::StopAccepting() {
  eventfd_write(stopping_, 1);
  if (acceptor_.joinable()) acceptor_.join();
  socket_.reset();
}

bool HttpConnections::WaitReadable(int fd, int timeout_ms) const {
  pollfd ready[] = {{fd, POLLIN, 0}, {stopping_, POLLIN, 0}};
  return poll(ready, 2, timeout_ms) > 0 && ready[1].revents == 0;
}

void HttpConnections::Accept() {
  pollfd ready[] = {{socket_->fd(), POLLIN, 0}, {stopping_, POLLIN, 0}};
  while (poll(ready, 2, -1) < 0 || ready[1].revents == 0) {
    const int fd = accept4(socket_->fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      threads_.enqueue([this, fd] { Serve(fd); });
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      poll(&ready[1], 1, kPauseMs);
    }
  }
}

void HttpConnections::Serve(int fd) {
  SocketStream stream(fd);
  for (size_t left = keep_alive_max_count_; left > 0; left--) {
    if (!stream.holds_bytes() && !WaitReadable(fd, kIdleMs)) return;
    bool closed = false;
    if (!process_request(stream, left == 1, closed, nullptr) || closed) return;
  }
}

}  // namespace praefect::daemon
