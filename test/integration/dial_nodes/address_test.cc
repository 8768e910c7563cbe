// Addresses where no Gitaly answers.

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "dialing.h"

namespace praefect::test {
namespace {

using Catch::Matchers::Contains;

// A listener that nobody serves; what its queue has no room for is not even answered.
class UnservedPort {
 public:
  explicit UnservedPort(int queue) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(bind(fd_, raw, length) == 0);
    REQUIRE(listen(fd_, queue) == 0);
    REQUIRE(getsockname(fd_, raw, &length) == 0);
    port_ = ntohs(address.sin_port);
    for (int& waiting : waiting_) {
      waiting = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (queue == 0) connect(waiting, raw, length);
    }
  }
  ~UnservedPort() {
    close(fd_);
    for (const int waiting : waiting_) close(waiting);
  }
  std::string address(const std::string& scheme = "tcp") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_);
  }

 private:
  const int fd_;
  int port_ = 0;
  int waiting_[4] = {-1, -1, -1, -1};
};

std::string ClosedPort() { return UnservedPort(1).address(); }

// What dial-nodes reports of a single node there.
std::string Report(const std::string& address, const std::string& timeout = "3s") {
  Dialing dialing;
  dialing.Add("gitaly-1", address);
  const Ending ending = dialing.Run({"-timeout", timeout});
  CHECK(ending.exit_code == 1);
  CHECK(ending.error == "the following nodes are not healthy: " + address + "\n");
  const auto lines = LinesOf(ending, address);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "dialing...");
  CHECK_THAT(lines[1], Catch::StartsWith("ERROR: dialing failed: "));
  const std::string report = ReportOn(ending, address);
  CHECK_THAT(report, Contains("change: virtual_storage \"default\" node \"gitaly-1\": address"));
  return report;
}

TEST_CASE("a closed port is a broken connection") {
  const std::string report = Report(ClosedPort());
  CHECK_THAT(report, Contains("connection BROKEN"));
  CHECK_THAT(report, Contains("nothing listens there (Connection refused)"));
}

TEST_CASE("an address that swallows packets costs the timeout and no more") {
  const UnservedPort port(0);
  const std::string report = Report(port.address(), "300ms");
  CHECK_THAT(report, Contains("connection BROKEN"));
  CHECK_THAT(report, Contains("firewall"));
}

TEST_CASE("a port that says nothing costs the timeout and no more") {
  const UnservedPort port(10);
  const std::string report = Report(port.address(), "300ms");
  CHECK_THAT(report, Contains("connection ok, HTTP/2 BROKEN"));
  CHECK_THAT(report, Contains("it takes connections and says nothing"));
}

TEST_CASE("a port that leaves a TLS handshake unanswered costs the timeout and no more") {
  const UnservedPort port(10);
  const std::string report = Report(port.address("tls"), "300ms");
  CHECK_THAT(report, Contains("connection ok, TLS BROKEN"));
  CHECK_THAT(report, Contains("no answer to the TLS handshake"));
}

TEST_CASE("a name that nobody has is a broken name") {
  const std::string report = Report("tcp://gitaly-1.invalid:8075");
  CHECK_THAT(report, Contains("name BROKEN"));
  CHECK_THAT(report, Contains("\"gitaly-1.invalid\""));
}

TEST_CASE("a name of several addresses is tried to its end") {
  const NodeProcess node(NewGitaly("gitaly-1"));
  const std::string port = node.address().substr(node.address().rfind(':'));
  Dialing dialing;
  dialing.Add("gitaly-1", "tcp://localhost" + port);
  const Ending ending = dialing.Run();
  CHECK(ending.exit_code == 0);
  CHECK_THAT(ReportOn(ending, "tcp://localhost" + port), Catch::StartsWith("OK "));
}

TEST_CASE("a missing unix socket and a stale one are told apart") {
  const TemporaryDirectory folder;
  const std::string missing = "unix:" + (folder / "missing.sock").string();
  CHECK_THAT(Report(missing), Contains("no such socket"));
  const std::string stale = "unix:" + (folder / "stale.sock").string();
  NodeOptions options = NewGitaly("gitaly-1");
  options.listen = stale;
  NodeProcess(options).process().Kill(SIGKILL);
  CHECK_THAT(Report(stale), Contains("nothing listens there"));
}

TEST_CASE("a node on a unix socket is well") {
  const TemporaryDirectory folder;
  NodeOptions options = NewGitaly("gitaly-1");
  options.listen = "unix:" + (folder / "gitaly.sock").string();
  const NodeProcess node(options);
  Dialing dialing;
  dialing.Add(node);
  CHECK(dialing.Run().exit_code == 0);
}

}  // namespace
}  // namespace praefect::test
