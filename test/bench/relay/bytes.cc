// bytes PORT NODE_PORT: passes bytes on between connections to PORT and as many to NODE_PORT, and
// looks at none: what two wake-ups, two reads and two writes for each call cost on this machine. No
// proxy that understands what it passes on costs less.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <list>
#include <string>

#include "relay/failure.h"
#include "relay/poller.h"
#include "relay/sockets.h"

namespace praefect::bench {
namespace {

constexpr size_t kPieceBytes = 64 << 10;

// Two connections, of which each is sent what the other one says.
class Pair {
 public:
  Pair(Poller& poller, int client, int node)
      : poller_(poller), client_(client, node, *this), node_(node, client, *this) {
    for (End* end : {&client_, &node_}) {
      const int on = 1;
      setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      poller_.Add(end->fd, *end);
    }
  }
  ~Pair() {
    for (const End* end : {&client_, &node_}) {
      poller_.Remove(end->fd);
      close(end->fd);
    }
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  bool over() const { return over_; }

 private:
  struct End final : Poller::Handler {
    End(int own, int other, Pair& of) : fd(own), other_fd(other), pair(of) {}
    void OnReady(bool, bool) override {
      char bytes[kPieceBytes];
      const ssize_t size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
      if (size == 0) pair.over_ = true;
      if (size <= 0) return;
      // Whoever reads is on the other core and quick: nothing waits long for room.
      for (ssize_t sent = 0; sent < size;) {
        const ssize_t n =
            send(other_fd, bytes + sent, static_cast<size_t>(size - sent), MSG_NOSIGNAL);
        if (n < 0) {
          pair.over_ = true;
          return;
        }
        sent += n;
      }
    }
    const int fd, other_fd;
    Pair& pair;
  };

  Poller& poller_;
  bool over_ = false;
  End client_, node_;
};

class Listener final : public Poller::Handler {
 public:
  Listener(Poller& poller, uint16_t port, uint16_t node_port)
      : poller_(poller), fd_(Listen(port)), node_port_(node_port) {
    poller_.Add(fd_, *this);
  }

  void OnReady(bool, bool) override {
    const int client = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int node = Connect(node_port_);
    if (node < 0) Fail("nobody listens at port " + std::to_string(node_port_));
    pairs_.emplace_back(poller_, client, node);
  }
  void ForgetEnded() {
    pairs_.remove_if([](const Pair& pair) { return pair.over(); });
  }

 private:
  Poller& poller_;
  const int fd_;
  const uint16_t node_port_;
  std::list<Pair> pairs_;
};

int Main(int argc, char** argv) {
  if (argc != 3) Fail("usage: bytes PORT NODE_PORT");
  Poller poller;
  Listener listener(poller, static_cast<uint16_t>(std::atoi(argv[1])),
                    static_cast<uint16_t>(std::atoi(argv[2])));
  while (true) {
    poller.RunOnce(Poller::kNoDeadline);
    listener.ForgetEnded();
  }
}

}  // namespace
}  // namespace praefect::bench

int main(int argc, char** argv) { return praefect::bench::Main(argc, argv); }
