#include "net/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "net/connector.h"

namespace praefect::net {
namespace {

using config::Address;

struct Directory {
  Directory() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~Directory() {
    unlink(File("s").c_str());
    rmdir(path.c_str());
  }
  std::string File(const char* name) const { return path + "/" + name; }
  std::string path = "/tmp/praefect-net-XXXXXX";
};

Address Unix(std::string path) { return {Address::Kind::kUnix, "", 0, std::move(path)}; }
const Address kAnyPort{Address::Kind::kTcp, "127.0.0.1", 0, ""};

void LeaveDeadSocket(const std::string& path) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strcpy(address.sun_path, path.c_str());
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  close(fd);
}

// Connects to `to` and returns the error, empty when it worked.
std::string Connect(const Address& to, int64_t timeout_ms = 5'000) {
  EventLoop loop;
  Resolver resolver;
  std::string outcome = "never called";
  Connector connector(loop, resolver, to, timeout_ms, [&](auto transport) {
    outcome = std::string(transport.status().message());
    loop.Stop();
  });
  loop.Run();
  return outcome;
}

TEST_CASE("port 0 listens on a port that the kernel chose, and clients reach it") {
  auto socket = ListeningSocket::Bind(kAnyPort);
  REQUIRE(socket.ok());
  CHECK((*socket)->address().port != 0);
  CHECK(Connect((*socket)->address()) == "");
}

TEST_CASE("a second listener on a taken address is refused by name") {
  auto first = ListeningSocket::Bind(kAnyPort);
  REQUIRE(first.ok());
  auto second = ListeningSocket::Bind((*first)->address());
  REQUIRE_FALSE(second.ok());
  CHECK(second.status().message().find("address already in use") != absl::string_view::npos);
}

TEST_CASE("a dead unix socket is replaced, and removed in the end") {
  Directory directory;
  LeaveDeadSocket(directory.File("s"));
  {
    auto socket = ListeningSocket::Bind(Unix(directory.File("s")));
    REQUIRE(socket.ok());
    CHECK(Connect((*socket)->address()) == "");
  }
  CHECK(access(directory.File("s").c_str(), F_OK) != 0);
}

TEST_CASE("a unix socket with a live process behind it is left alone") {
  Directory directory;
  auto first = ListeningSocket::Bind(Unix(directory.File("s")));
  REQUIRE(first.ok());
  CHECK_FALSE(ListeningSocket::Bind(Unix(directory.File("s"))).ok());
  CHECK(Connect((*first)->address()) == "");
}

TEST_CASE("a file that is no socket is never removed") {
  Directory directory;
  std::ofstream(directory.File("s")) << "precious";
  CHECK_FALSE(ListeningSocket::Bind(Unix(directory.File("s"))).ok());
  CHECK(access(directory.File("s").c_str(), F_OK) == 0);
}

TEST_CASE("an unreachable address tells why") {
  auto closed = ListeningSocket::Bind(kAnyPort);
  REQUIRE(closed.ok());
  Address gone = (*closed)->address();
  closed->reset();
  CHECK(Connect(gone) == "Connection refused");
  CHECK(Connect(Unix("/nonexistent/praefect.sock")) == "No such file or directory");
  CHECK(Connect({Address::Kind::kTcp, "praefect.invalid", 1, ""}).find("cannot resolve") == 0);
}

TEST_CASE("destroying a connector ends the attempt without a call") {
  EventLoop loop;
  Resolver resolver;
  bool called = false;
  auto connector =
      std::make_unique<Connector>(loop, resolver, Address{Address::Kind::kTcp, "localhost", 1, ""},
                                  5'000, [&](auto) { called = true; });
  loop.Post([&] { connector.reset(), loop.Stop(); });
  loop.Run();
  CHECK_FALSE(called);
}

TEST_CASE("small answers to a tcp client are not held back") {
  EventLoop loop;
  auto socket = ListeningSocket::Bind(kAnyPort);
  REQUIRE(socket.ok());
  Address address = (*socket)->address();
  int no_delay = 0;
  auto look = [&](int fd, const std::string&) {
    socklen_t size = sizeof no_delay;
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
    close(fd), loop.Stop();
  };
  Acceptor acceptor(loop, *std::move(socket), {look, {}});
  Resolver resolver;
  Connector connector(loop, resolver, address, 5'000, [](auto) {});
  loop.Run();
  CHECK(no_delay == 1);
}

TEST_CASE("an acceptor hands over connections with the peer's address") {
  EventLoop loop;
  auto socket = ListeningSocket::Bind(kAnyPort);
  REQUIRE(socket.ok());
  Address address = (*socket)->address();
  std::string peer;
  Acceptor acceptor(loop, *std::move(socket),
                    {[&](int fd, std::string from) { close(fd), peer = from, loop.Stop(); }, {}});
  Resolver resolver;
  Connector connector(loop, resolver, address, 5'000, [](auto) {});
  loop.Run();
  CHECK(peer.substr(0, 10) == "127.0.0.1:");
}

}  // namespace
}  // namespace praefect::net
