#include "net/connector.h"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>

#include "looping.h"
#include "net/listener.h"
#include "net/socket_address.h"

namespace praefect::net {
namespace {

SocketAddress Loopback() { return *FromLiteral({config::Address::Kind::kTcp, "127.0.0.1", 0, ""}); }

// A port on the loopback interface, with a queue of this length for those that connect.
class Port {
 public:
  explicit Port(int queue) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    REQUIRE(bind(fd_, address_.get(), address_.length) == 0);
    REQUIRE(listen(fd_, queue) == 0);
    REQUIRE(getsockname(fd_, address_.get(), &address_.length) == 0);
  }
  ~Port() {
    for (const int fd : fillers_) close(fd);
    close(fd_);
  }
  // From now on the kernel drops what comes, as a firewall does.
  void FillUp() {
    int error = 0;
    while (error != EINPROGRESS) {
      const int fd = fillers_.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      timeval patience{.tv_sec = 0, .tv_usec = 20'000};
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
      error = connect(fd, address_.get(), address_.length) == 0 ? 0 : errno;
    }
  }
  // Whoever knocked in vain gets in when it knocks again, about a second later.
  void MakeRoom() {
    close(fillers_.back());  // the one that still knocks
    fillers_.pop_back();
    close(accept(fd_, nullptr, nullptr));
  }
  const SocketAddress& address() const { return address_; }

 private:
  SocketAddress address_ = Loopback();
  const int fd_;
  std::vector<int> fillers_;
};

// Connecting to a name, which means what the test says.
class Bench : public Looping {
 public:
  void Means(std::vector<SocketAddress> addresses) { *addresses_ = std::move(addresses); }
  const absl::StatusOr<std::unique_ptr<Transport>>& Connect(int64_t timeout_ms = 4'000) {
    Trust();
    RunUntil([] { return true; });  // a loop's time stands still while it does not run
    result_.reset();
    connector_ = std::make_unique<Connector>(
        loop, resolver_, config::Address{kind_, "node.example", 8075, ""}, timeout_ms,
        [this](auto result) { result_ = std::move(result); }, Trust());
    RunUntil([&] { return result_.has_value(); });
    return *result_;
  }
  void UseTls() { kind_ = config::Address::Kind::kTls; }

 private:
  // Reading the trust store takes long; in a story, time limits would run meanwhile.
  static const std::shared_ptr<const TlsClientContext>& Trust() {
    static const auto trust = *TlsClientContext::Make("TLS 1.2");
    return trust;
  }

  config::Address::Kind kind_ = config::Address::Kind::kTcp;
  // Shared with the lookup, whose thread may outlive a story that failed.
  const std::shared_ptr<std::vector<SocketAddress>> addresses_ =
      std::make_shared<std::vector<SocketAddress>>();
  Resolver resolver_{[addresses = addresses_](const std::string&, uint16_t) { return *addresses; }};
  std::unique_ptr<Connector> connector_;
  std::optional<absl::StatusOr<std::unique_ptr<Transport>>> result_;
};

uint16_t PeerPort(const Transport& transport) {
  SocketAddress peer;
  peer.length = sizeof peer.storage;
  REQUIRE(getpeername(transport.fd(), peer.get(), &peer.length) == 0);
  return peer.port();
}

TEST_CASE("an address that swallows everything does not use up the time of the next") {
  Bench bench;
  Port swallows(0), answers(16);
  swallows.FillUp();
  bench.Means({swallows.address(), answers.address()});
  const auto& connected = bench.Connect();
  REQUIRE(connected.ok());
  CHECK(PeerPort(**connected) == answers.address().port());
}

TEST_CASE("the next address is tried at once when one refuses") {
  Bench bench;
  SocketAddress refuses;
  { refuses = Port(1).address(); }
  Port answers(16);
  bench.Means({refuses, refuses, answers.address()});
  CHECK(bench.Connect().ok());
  bench.Means({refuses, refuses});
  CHECK(bench.Connect().status().message() == "Connection refused");
}

TEST_CASE("the best address wins when all answer") {
  Bench bench;
  Port best(16), other(16);
  bench.Means({best.address(), other.address()});
  const auto& connected = bench.Connect();
  REQUIRE(connected.ok());
  CHECK(PeerPort(**connected) == best.address().port());
}

TEST_CASE("an address that answers when another has won is not connected to") {
  Bench bench;
  Port late(0), silent(16);
  late.FillUp();
  bench.UseTls();
  bench.Means({late.address(), silent.address()});
  Timer room(bench.loop, [&] { late.MakeRoom(); });
  bench.loop.Post([&] { room.Start(400); });  // when the other one has won
  CHECK_THAT(std::string(bench.Connect().status().message()),
             Catch::Matchers::StartsWith("no end of the TLS handshake"));
}

TEST_CASE("a name is resolved anew for every attempt") {
  Bench bench;
  Port before(16), after(16);
  bench.Means({before.address()});
  CHECK(bench.Connect().ok());
  bench.Means({after.address()});
  const auto& connected = bench.Connect();
  REQUIRE(connected.ok());
  CHECK(PeerPort(**connected) == after.address().port());
}

TEST_CASE("when nobody answers, the time limit ends it") {
  Bench bench;
  Port swallows(0);
  swallows.FillUp();
  bench.Means({swallows.address(), swallows.address()});
  CHECK(bench.Connect(300).status().message() == "no connection within 300 ms");
}

}  // namespace
}  // namespace praefect::net
