#include "net/inherited_sockets.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/process.h"

namespace praefect::net {
namespace {

using Catch::Matchers::Contains;
using config::Address;

const Address kAnyPort{Address::Kind::kTcp, "127.0.0.1", 0, ""};

// What a service manager holds, and hands over copies of.
class Holder {
 public:
  Address Listen(const Address& address) {
    auto bound = ListeningSocket::Bind(address);
    REQUIRE(bound.ok());
    held_.push_back(*std::move(bound));
    return held_.back()->address();
  }
  InheritedSockets HandOver(const std::string& name = "praefect.socket") const {
    return InheritedSockets({{dup(held_.back()->fd()), name}});
  }

 private:
  std::vector<std::unique_ptr<ListeningSocket>> held_;
};

std::string Failure(const absl::Status& status) { return std::string(status.message()); }

TEST_CASE("a socket without a key's name is found by its address") {
  Holder holder;
  const Address address = holder.Listen(kAnyPort);
  InheritedSockets sockets = holder.HandOver();
  const auto taken = sockets.Take("listen_addr", address);
  REQUIRE(taken.ok());
  REQUIRE(*taken != nullptr);
  CHECK((*taken)->address() == address);
  CHECK(sockets.CheckAllTaken().ok());
}

TEST_CASE("a host name is resolved for the comparison") {
  Holder holder;
  Address address = holder.Listen(kAnyPort);
  address.host = "127.0.0.01";
  InheritedSockets sockets = holder.HandOver();
  CHECK(*sockets.Take("listen_addr", address) != nullptr);
}

TEST_CASE("all interfaces are all interfaces, however they are written") {
  Holder holder;
  Address address = holder.Listen({Address::Kind::kTcp, "0.0.0.0", 0, ""});
  address.host = "";
  InheritedSockets sockets = holder.HandOver();
  CHECK(*sockets.Take("listen_addr", address) != nullptr);
}

TEST_CASE("a key without an inherited socket gets none") {
  Holder holder;
  Address address = holder.Listen(kAnyPort);
  address.port = 1;
  InheritedSockets sockets = holder.HandOver();
  const auto taken = sockets.Take("listen_addr", address);
  REQUIRE(taken.ok());
  CHECK(*taken == nullptr);
}

TEST_CASE("a socket that no key wants is an error that names it") {
  Holder holder;
  const Address address = holder.Listen(kAnyPort);
  InheritedSockets sockets = holder.HandOver("spare");
  CHECK_THAT(Failure(sockets.CheckAllTaken()), Contains(address.ToString()) && Contains("spare") &&
                                                   Contains("FileDescriptorName=listen_addr"));
}

TEST_CASE("a name decides, and port 0 takes the socket's") {
  Holder holder;
  const Address address = holder.Listen(kAnyPort);
  InheritedSockets sockets = holder.HandOver("tls_listen_addr");
  CHECK(*sockets.Take("listen_addr", address) == nullptr);
  const auto taken = sockets.Take("tls_listen_addr", kAnyPort);
  REQUIRE(taken.ok());
  CHECK((*taken)->address().port == address.port);
}

TEST_CASE("a named socket on another address is an error that names both") {
  Holder holder;
  Address address = holder.Listen(kAnyPort);
  InheritedSockets sockets = holder.HandOver("listen_addr");
  address.port = 1;
  const auto taken = sockets.Take("listen_addr", address);
  REQUIRE_FALSE(taken.ok());
  CHECK_THAT(Failure(taken.status()), Contains("listens on tcp://127.0.0.1:"));
}

TEST_CASE("a named socket on another host is an error, all interfaces included") {
  Holder holder;
  Address address = holder.Listen({Address::Kind::kTcp, "0.0.0.0", 0, ""});
  InheritedSockets sockets = holder.HandOver("listen_addr");
  address.host = "127.0.0.1";
  const auto taken = sockets.Take("listen_addr", address);
  REQUIRE_FALSE(taken.ok());
  CHECK_THAT(Failure(taken.status()), Contains("listens on tcp://0.0.0.0:"));
}

TEST_CASE("a named socket is found by any address of its host's name") {
  Holder holder;
  Address address = holder.Listen(kAnyPort);
  address.host = "localhost";  // perhaps ::1 first
  InheritedSockets sockets = holder.HandOver("listen_addr");
  CHECK(sockets.Take("listen_addr", address).ok());
}

TEST_CASE("what does not listen is refused") {
  InheritedSockets sockets({{socket(AF_INET, SOCK_STREAM, 0), "listen_addr"}});
  CHECK_FALSE(sockets.Take("listen_addr", kAnyPort).ok());
  InheritedSockets files({{dup(STDIN_FILENO), "listen_addr"}});
  CHECK_FALSE(files.Take("listen_addr", kAnyPort).ok());
}

TEST_CASE("an inherited unix socket stays when its user goes") {
  Holder holder;
  const test::TemporaryDirectory folder;
  const Address address = holder.Listen({Address::Kind::kUnix, "", 0, folder / "socket"});
  InheritedSockets sockets = holder.HandOver();
  { CHECK(*sockets.Take("socket_path", address) != nullptr); }
  CHECK(std::filesystem::exists(folder / "socket"));
}

}  // namespace
}  // namespace praefect::net
