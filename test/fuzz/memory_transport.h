#pragma once

// A transport without a socket: hands out what a fuzzer invented, in pieces, and takes what is
// written as slowly as it is told to.

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "fuzz/require.h"
#include "net/transport.h"

namespace praefect::fuzz {

// What the far end does; outlives the transport.
struct FarEnd {
  std::string_view input;                                      // not read yet
  size_t readable = 0;                                         // of it, in this round
  size_t writable = 0;                                         // bytes that are taken in this round
  net::IoResult::Kind end = net::IoResult::Kind::kWouldBlock;  // after the input
  int transports = 0;                                          // that exist
  std::function<void(std::string_view)> on_read, on_written;
};

class MemoryTransport final : public net::Transport {
 public:
  // A counter that is neither 0 nor full: always readable, always writable.
  explicit MemoryTransport(FarEnd& far) : far_(far), fd_(eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)) {
    Require(fd_ >= 0, "there is a descriptor");
    far_.transports++;
  }
  ~MemoryTransport() override {
    close(fd_);
    far_.transports--;
  }

  net::IoResult Read(uint8_t* into, size_t size) override {
    const size_t n = std::min({size, far_.readable, far_.input.size()});
    if (n == 0) {
      if (far_.input.empty()) return {far_.end, 0, ECONNRESET, "an alert"};
      return {net::IoResult::Kind::kWouldBlock};
    }
    memcpy(into, far_.input.data(), n);
    const std::string_view read = far_.input.substr(0, n);
    far_.input.remove_prefix(n);
    far_.readable -= n;
    far_.on_read(read);
    return {net::IoResult::Kind::kOk, n};
  }

  net::IoResult Write(const iovec* pieces, int count) override {
    std::string taken;
    for (int i = 0; i < count && far_.writable > 0; i++) {
      const size_t n = std::min(pieces[i].iov_len, far_.writable);
      taken.append(static_cast<const char*>(pieces[i].iov_base), n);
      far_.writable -= n;
    }
    if (taken.empty()) return {net::IoResult::Kind::kWouldBlock};
    far_.on_written(taken);
    return {net::IoResult::Kind::kOk, taken.size()};
  }

  int fd() const override { return fd_; }
  const char* kind() const override { return "memory"; }

 private:
  FarEnd& far_;
  const int fd_;
};

}  // namespace praefect::fuzz
