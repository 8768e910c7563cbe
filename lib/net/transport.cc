#include "net/transport.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace praefect::net {
namespace {

class PlainTransport final : public Transport {
 public:
  PlainTransport(int fd, const char* kind) : fd_(fd), kind_(kind) {
    fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
  }
  ~PlainTransport() override { close(fd_); }

  IoResult Read(uint8_t* into, size_t size) override {
    ssize_t n;
    do {
      n = recv(fd_, into, size, 0);
    } while (n < 0 && errno == EINTR);
    if (n == 0) return {IoResult::Kind::kEnd};
    return FromCall(n);
  }

  IoResult Write(const iovec* pieces, int count) override {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces);
    message.msg_iovlen = static_cast<size_t>(count);
    ssize_t n;
    do {
      n = sendmsg(fd_, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return FromCall(n);
  }

  int fd() const override { return fd_; }
  const char* kind() const override { return kind_; }

 private:
  static IoResult FromCall(ssize_t n) {
    if (n >= 0) return {IoResult::Kind::kOk, static_cast<size_t>(n)};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoResult::Kind::kWouldBlock};
    return {IoResult::Kind::kError, 0, errno};
  }

  int fd_;
  const char* kind_;
};

}  // namespace

std::unique_ptr<Transport> MakePlainTransport(int fd, const char* kind) {
  return std::make_unique<PlainTransport>(fd, kind);
}

}  // namespace praefect::net
