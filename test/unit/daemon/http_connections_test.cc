#include "daemon/http_connections.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <vector>

#include "net/socket_address.h"
#include "support/process.h"

namespace praefect::daemon {
namespace {

constexpr int kRequestMs = 200;

struct Socket {
  ~Socket() { close(fd); }
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

// A server with one long page, and a client of it that goes after the server.
class Pages {
 public:
  Pages() {
    const config::Address address{config::Address::Kind::kTcp, "127.0.0.1", 0, ""};
    auto socket = net::ListeningSocket::Bind(address);
    REQUIRE(socket.ok());
    const auto bound = net::FromLiteral((*socket)->address());
    server_.Get("/long", [](const auto&, auto& response) {
      response.set_content(std::string(32 << 20, 'x'), "text/plain");
    });
    server_.Start(*std::move(socket));
    address_ = *bound;
    REQUIRE(Connect(client_));
  }
  bool Connect(const Socket& client) const {
    return connect(client.fd, address_.get(), address_.length) == 0;
  }
  int refused() const { return refused_; }

  bool Say(std::string_view text) const {
    return send(client_.fd, text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }
  bool Answers() const {
    pollfd readable{client_.fd, POLLIN, 0};
    return poll(&readable, 1, 5'000) > 0;
  }
  // One byte of it after the other, until the server has hung up.
  bool HangsUpOn(std::string_view text) const {
    const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (size_t i = 0; std::chrono::steady_clock::now() < late; i++) {
      pollfd end{client_.fd, POLLIN, 0};
      if (poll(&end, 1, 5) > 0 || !Say(text.substr(std::min(i, text.size() - 1), 1))) return true;
    }
    return false;
  }

 private:
  const Socket client_;
  net::SocketAddress address_;
  std::atomic<int> refused_{0};
  HttpConnections server_{[this] { refused_++; }, kRequestMs};
};

TEST_CASE("a request that comes byte by byte ends with its time") {
  CHECK(Pages().HangsUpOn("GET / HTTP/1.1\r\nA: bcdefgh"));
}

TEST_CASE("connections that nobody has time for are bounded") {
  const Pages pages;
  const std::vector<Socket> clients(HttpConnections::kMaxOpen + 10);
  for (const Socket& client : clients) REQUIRE(pages.Connect(client));
  CHECK(test::Eventually([&] { return pages.refused() > 0; }));
  CHECK(pages.refused() <= 11);
}

TEST_CASE("who never reads its answer does not hold up the end") {
  const Pages pages;
  REQUIRE(pages.Say("GET /long HTTP/1.1\r\n\r\n"));
  CHECK(pages.Answers());  // and then goes, which would hang
}

}  // namespace
}  // namespace praefect::daemon
