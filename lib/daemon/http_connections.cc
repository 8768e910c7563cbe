#include "daemon/http_connections.h"
#include "observe/thread.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace praefect::daemon {
namespace {

constexpr int kPauseMs = 100;  // when descriptors run out

using Clock = std::chrono::steady_clock;

// A connected socket as the library reads and writes it.
class SocketStream final : public httplib::Stream {
 public:
  explicit SocketStream(int fd) : fd_(fd) {}
  ~SocketStream() override { close(fd_); }

  // Nothing is read or written later than this. A peer that sends or takes a byte now and then
  // would else hold its thread, and the end of the process, for as long as it likes.
  void set_deadline(Clock::time_point deadline) { deadline_ = deadline; }

  bool holds_bytes() const { return begin_ < end_; }
  bool is_readable() const override { return holds_bytes() || Is(POLLIN); }
  bool is_writable() const override { return Is(POLLOUT); }
  ssize_t read(char* into, size_t size) override {  // the library asks for single bytes
    if (!holds_bytes()) {
      if (!Is(POLLIN)) return -1;
      const ssize_t received = recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (received <= 0) return received;
      begin_ = 0, end_ = static_cast<size_t>(received);
    }
    const size_t taken = std::min(size, end_ - begin_);
    memcpy(into, buffer_.data() + begin_, taken);
    begin_ += taken;
    return static_cast<ssize_t>(taken);
  }
  ssize_t write(const char* bytes, size_t size) override {
    for (size_t written = 0; written < size;) {
      if (!Is(POLLOUT)) return -1;
      const ssize_t n = send(fd_, bytes + written, size - written, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno != EAGAIN && errno != EINTR) return -1;
      written += static_cast<size_t>(std::max<ssize_t>(n, 0));
    }
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}  // no page shows them
  void get_local_ip_and_port(std::string&, int&) const override {}
  int socket() const override { return fd_; }

 private:
  // Waits for it.
  bool Is(short event) const {
    pollfd ready{fd_, event, 0};
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      if (left <= 0) return false;
      const int found = poll(&ready, 1, static_cast<int>(left));
      if (found >= 0 || errno != EINTR) return found > 0;
    }
  }

  const int fd_;
  Clock::time_point deadline_;
  std::array<char, 4096> buffer_;
  size_t begin_ = 0, end_ = 0;
};

}  // namespace

HttpConnections::HttpConnections(std::function<void()> refused, int request_ms)
    : refused_(std::move(refused)), request_ms_(request_ms), stopping_(eventfd(0, EFD_CLOEXEC)) {}

HttpConnections::~HttpConnections() {
  StopAccepting();
  threads_.shutdown();
  close(stopping_);
}

void HttpConnections::Start(std::unique_ptr<net::ListeningSocket> socket) {
  socket_ = std::move(socket);
  acceptor_ = observe::StartThread("admin", [this] { Accept(); });
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
    if (fd >= 0 && open_ >= kMaxOpen) {
      close(fd);
      refused_();
    } else if (fd >= 0) {
      open_++;
      threads_.enqueue([this, fd] {
        Serve(fd);
        open_--;
      });
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      poll(&ready[1], 1, kPauseMs);
    }
  }
}

void HttpConnections::Serve(int fd) {
  SocketStream stream(fd);
  for (size_t left = keep_alive_max_count_; left > 0; left--) {
    if (!stream.holds_bytes() && !WaitReadable(fd, kIdleMs)) return;
    stream.set_deadline(Clock::now() + std::chrono::milliseconds(request_ms_));
    bool closed = false;
    if (!process_request(stream, left == 1, closed, nullptr) || closed) return;
  }
}

}  // namespace praefect::daemon
