// Where Praefect listens, and when it refuses to start.

#include <fmt/format.h>
#include <signal.h>

#include <catch2/catch.hpp>

#include "e2e/cluster.h"

namespace praefect::test {
namespace {

namespace fs = std::filesystem;

constexpr int kFailed = 1;
constexpr int kBrokenConfiguration = 78;
constexpr char kStorage[] =
    "[[virtual_storage]]\nname = 'default'\n[[virtual_storage.node]]\nstorage = 'gitaly-1'\n"
    "address = 'tcp://127.0.0.1:1'\nprimary = true\n";

struct Refused {
  std::optional<int> exit_code;
  std::string output;
};

// A Praefect that is not expected to start.
Refused StartWith(const TemporaryDirectory& directory, const std::string& keys) {
  fs::create_directory(directory / "tmp");
  PraefectDaemon praefect(directory / "praefect", keys + kStorage);
  return {praefect.WaitExit(), praefect.output()};
}

std::string WithoutScheme(const std::string& address) {
  return address.substr(std::string("tcp://").size());
}

TEST_CASE("An address in use is refused with its key, and the first Praefect goes on") {
  Cluster cluster;
  cluster.CreateWithCommit("a.git");
  const TemporaryDirectory directory;
  const std::string address = WithoutScheme(cluster.praefect().address());
  const Refused second = StartWith(directory, fmt::format("listen_addr = '{}'\n", address));
  CHECK(second.exit_code == kFailed);
  CHECK_THAT(second.output, Catch::Contains("listen_addr") && Catch::Contains(address));
  CHECK(cluster.TryClone("a.git").exit_status == 0);
}

TEST_CASE("An address of the admin listener in use is refused with its key") {
  Cluster cluster;
  const TemporaryDirectory directory;
  const std::string address = WithoutScheme(cluster.praefect().address());
  const Refused second = StartWith(
      directory,
      fmt::format("listen_addr = '127.0.0.1:0'\nprometheus_listen_addr = '{}'\n", address));
  CHECK(second.exit_code == kFailed);
  CHECK_THAT(second.output, Catch::Contains("prometheus_listen_addr") && Catch::Contains(address));
}

TEST_CASE("A second Praefect on a live socket is refused, and the first one goes on") {
  Cluster cluster({Transport::kUnix});
  cluster.CreateWithCommit("a.git");
  const TemporaryDirectory directory;
  const std::string socket = cluster.Scratch("socket");
  const Refused second = StartWith(directory, fmt::format("socket_path = '{}'\n", socket));
  CHECK(second.exit_code == kFailed);
  CHECK_THAT(second.output, Catch::Contains("socket_path") && Catch::Contains(socket));
  CHECK(cluster.TryClone("a.git").exit_status == 0);
}

TEST_CASE("A socket that a killed Praefect left is replaced") {
  Cluster cluster({Transport::kUnix});
  cluster.CreateWithCommit("a.git");
  cluster.praefect().Signal(SIGKILL);
  REQUIRE(cluster.praefect().WaitExit() == 128 + SIGKILL);
  REQUIRE(fs::exists(cluster.Scratch("socket")));
  cluster.RestartPraefect();
  const Outcome clone = cluster.TryClone("a.git");
  INFO(clone.error);
  CHECK(clone.exit_status == 0);
}

TEST_CASE("A file that is no socket is left alone, and refused") {
  const TemporaryDirectory directory;
  WriteFile(directory / "file", "precious");
  const std::string file = directory / "file";
  const Refused refused = StartWith(directory, fmt::format("socket_path = '{}'\n", file));
  CHECK(refused.exit_code == kFailed);
  CHECK_THAT(refused.output, Catch::Contains(file));
  CHECK(ReadFile(file) == "precious");
}

TEST_CASE("A configuration that a restart cannot cure ends with 78, and says what to change") {
  const TemporaryDirectory directory;
  const Refused refused = StartWith(directory, "");
  CHECK(refused.exit_code == kBrokenConfiguration);
  CHECK_THAT(refused.output, Catch::Contains("no listen address or socket path configured"));
}

TEST_CASE("A Praefect that is refused leaves its socket's place empty") {
  const TemporaryDirectory directory;
  const std::string socket = directory / "socket";
  const Refused refused = StartWith(
      directory, fmt::format("socket_path = '{}'\nlisten_addr = '192.0.2.1:7'\n", socket));
  CHECK(refused.exit_code == kFailed);
  CHECK_THAT(refused.output, Catch::Contains("192.0.2.1:7"));
  CHECK(!fs::exists(socket));
}

}  // namespace
}  // namespace praefect::test
