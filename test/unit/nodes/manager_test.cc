#include "nodes/manager.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>

#include "gitaly/token.h"
#include "grpc/health.grpc.pb.h"
#include "probing.h"

namespace praefect::nodes {
namespace {

using Catch::Matchers::Contains;

// A Gitaly of which only the health service is there, as before 16.10: it asks for the token.
class FakeNode final : public ::grpc::health::v1::Health::Service {
 public:
  explicit FakeNode(std::string token = "") : token_(std::move(token)) { Listen(0); }

  std::string address() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  void Stop() { server_.reset(); }
  void Restart() { Listen(port_); }
  int probes() const { return probes_; }
  void SetServing(bool serving) { serving_ = serving; }

  grpc::Status Check(grpc::ServerContext* context, const grpc::health::v1::HealthCheckRequest*,
                     grpc::health::v1::HealthCheckResponse* response) override {
    probes_++;
    if (!token_.empty() && !Authorized(*context)) {
      return {grpc::StatusCode::PERMISSION_DENIED, "permission denied"};
    }
    response->set_status(serving_ ? grpc::health::v1::HealthCheckResponse::SERVING
                                  : grpc::health::v1::HealthCheckResponse::NOT_SERVING);
    return grpc::Status::OK;
  }

 private:
  bool Authorized(const grpc::ServerContext& context) const {
    const auto found = context.client_metadata().find("authorization");
    if (found == context.client_metadata().end()) return false;
    const std::string_view value(found->second.data(), found->second.size());
    return gitaly::CheckAuthorization(token_, value, Probing::kNow).verdict ==
           gitaly::TokenVerdict::kGood;
  }
  void Listen(int port) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    REQUIRE(server_ != nullptr);
  }

  const std::string token_;
  std::atomic<int> probes_{0};
  std::atomic<bool> serving_{true};
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// Takes connections and says nothing.
class SilentNode {
 public:
  SilentNode() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(fd_, 16) == 0);
    REQUIRE(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentNode() { close(fd_); }
  std::string address() const { return "tcp://127.0.0.1:" + std::to_string(port_); }

 private:
  int fd_;
  int port_ = 0;
};

TEST_CASE("a serving node is up") {
  FakeNode node;
  Probing probing({{node.address(), ""}});
  CHECK(probing.manager().snapshot()->virtual_storages[0].nodes[0].health == Health::kUnknown);
  probing.manager().Start();
  CHECK(probing.WaitFor(Health::kUp).reason.empty());
  CHECK(probing.lines().With("node is healthy virtual_storage=default storage=gitaly-1").size() ==
        1);
  CHECK_THAT(probing.Metrics(), Contains("gitaly_praefect_node_last_healthcheck_up{gitaly_storage="
                                         "\"gitaly-1\",virtual_storage=\"default\"} 1"));
}

TEST_CASE("a node where nothing listens is down, with the kernel's words") {
  FakeNode node;
  node.Stop();
  Probing probing({{node.address(), ""}});
  probing.manager().Start();
  const Node down = probing.WaitFor(Health::kDown);
  CHECK(down.reason == "connection refused");
  CHECK(down.key_to_check == "virtual_storage.node.address");
  CHECK_THAT(probing.lines().With("error when pinging healthcheck").at(0),
             Contains("address=" + node.address()) && Contains("error=connection refused"));
}

TEST_CASE("a node that goes away and comes back is followed, and logged once each time") {
  FakeNode node;
  Probing probing({{node.address(), ""}});
  probing.manager().Start();
  probing.WaitFor(Health::kUp);
  node.Stop();
  probing.WaitFor(Health::kDown);
  node.Restart();
  probing.WaitFor(Health::kUp);
  CHECK(probing.lines().With("node is healthy").size() == 2);
  CHECK(probing.lines().With("error when pinging healthcheck").size() == 1);
}

TEST_CASE("a node that says it does not serve is down") {
  FakeNode node;
  node.SetServing(false);
  Probing probing({{node.address(), ""}});
  probing.manager().Start();
  CHECK_THAT(probing.WaitFor(Health::kDown).reason, Contains("NOT_SERVING"));
  node.SetServing(true);
  CHECK(probing.WaitFor(Health::kUp).key_to_check.empty());
}

TEST_CASE("the token is sent") {
  FakeNode node("secret");
  Probing probing({{node.address(), "secret"}});
  probing.manager().Start();
  CHECK(probing.WaitFor(Health::kUp).token == "secret");
}

TEST_CASE("a node that refuses the token is down, counted and names the key") {
  FakeNode node("secret");
  Probing probing({{node.address(), "wrong"}});
  probing.manager().Start();
  const Node down = probing.WaitFor(Health::kDown);
  CHECK_THAT(down.reason, Contains("permission denied; check virtual_storage.node.token"));
  CHECK_THAT(probing.Metrics(), Contains("gitaly_praefect_node_token_refused_total{gitaly_storage="
                                         "\"gitaly-1\",key=\"virtual_storage.node.token\","));
  CHECK(probing.lines().With("wrong").empty());
}

TEST_CASE("silence is a reason, and a change of the reason is published") {
  FakeNode stopped;
  SilentNode silent;
  Probing probing({{silent.address(), ""}});
  probing.manager().Start();
  CHECK(probing.WaitFor(Health::kDown).reason == "no answer within 500 ms");
}

TEST_CASE("a change of the cause is told") {
  FakeNode node("secret");
  Probing probing({{node.address(), "wrong"}});
  probing.manager().Start();
  probing.WaitFor(Health::kDown, "permission denied");
  node.Stop();
  probing.WaitFor(Health::kDown, "connection refused");
  CHECK(probing.lines().With("error when pinging healthcheck").size() == 2);
}

TEST_CASE("a dead node does not hold up the others") {
  SilentNode silent;
  FakeNode node;
  Probing probing({{node.address(), ""}, {silent.address(), ""}});
  probing.manager().Start();
  CHECK(probing.WaitFor(Health::kUp).storage == "gitaly-1");
}

TEST_CASE("a node that stays through a reload keeps its health, and nothing is logged of it") {
  FakeNode stays, comes;
  Probing probing({{stays.address(), ""}});
  probing.manager().Start();
  probing.WaitFor(Health::kUp);
  probing.Reload({{stays.address(), ""}, {comes.address(), ""}});
  const Node node = probing.WaitFor(Health::kUp);
  CHECK(node.id == 0);
  CHECK(probing.lines().With("node added").size() == 1);
  CHECK(probing.lines().With("node removed").empty());
  CHECK(probing.lines().With("node is healthy virtual_storage=default storage=gitaly-1").size() ==
        1);
}

TEST_CASE("a start is over once every node was probed, whatever comes later") {
  FakeNode stays;
  SilentNode comes;
  Probing probing({{stays.address(), ""}});
  CHECK_FALSE(probing.manager().snapshot()->started);
  probing.manager().Start();
  probing.WaitFor(Health::kUp);
  CHECK(probing.manager().snapshot()->started);
  probing.Reload({{stays.address(), ""}, {comes.address(), ""}});
  CHECK(probing.manager().snapshot()->started);
}

TEST_CASE("a node that leaves is probed no more, and is gone from the metrics") {
  FakeNode stays, leaves;
  Probing probing({{stays.address(), ""}, {leaves.address(), ""}});
  probing.manager().Start();
  probing.WaitFor(Health::kUp);
  probing.Reload({{stays.address(), ""}});
  const int probes = leaves.probes();
  const int later = stays.probes() + 3;
  while (stays.probes() < later) std::this_thread::yield();
  CHECK(leaves.probes() == probes);
  CHECK_THAT(probing.Metrics(), !Contains("gitaly-2"));
  CHECK(probing.lines().With("node removed virtual_storage=default storage=gitaly-2").size() == 1);
}

TEST_CASE("a storage that moved is another node, with metrics of its own") {
  FakeNode before, after;
  Probing probing({{before.address(), ""}});
  probing.manager().Start();
  probing.WaitFor(Health::kUp);
  probing.Reload({{after.address(), ""}});
  CHECK(probing.WaitFor(Health::kUp).id == 1);
  CHECK_THAT(probing.Metrics(), Contains("gitaly_praefect_node_last_healthcheck_up{gitaly_storage="
                                         "\"gitaly-1\",virtual_storage=\"default\"} 1"));
}

TEST_CASE("a token that was corrected is used at once") {
  FakeNode node("secret");
  Probing probing({{node.address(), "wrong"}});
  probing.manager().Start();
  probing.WaitFor(Health::kDown, "permission denied");
  probing.Reload({{node.address(), "secret"}});
  CHECK(probing.WaitFor(Health::kUp).id == 0);
}

TEST_CASE("a node that answers probes and fails calls stays up, and is said to be degraded") {
  FakeNode fake;
  Probing probing({{fake.address(), ""}});
  probing.manager().Start();
  probing.WaitFor(Health::kUp);
  const auto node = [&] { return probing.manager().snapshot()->virtual_storages[0].nodes[0]; };
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (node().degraded.empty() && std::chrono::steady_clock::now() < limit) {
    node().traffic->failed_writes += 100;
    std::this_thread::yield();
  }
  CHECK_THAT(node().degraded, Contains("mutators failed within 10000 ms"));
  CHECK(node().routable());
  CHECK(probing.lines().With("the node answers probes and fails calls").size() == 1);
}

TEST_CASE("a reload while a node is silent waits for nobody") {
  SilentNode silent;
  FakeNode node;
  Probing probing({{silent.address(), ""}});
  probing.manager().Start();
  probing.Reload({{node.address(), ""}});
  CHECK(probing.WaitFor(Health::kUp).id == 1);
}

TEST_CASE("primaries are a metric from the start") {
  Probing probing({{"tcp://127.0.0.1:1", ""}, {"tcp://127.0.0.1:2", ""}});
  const std::string metrics = probing.Metrics();
  CHECK_THAT(metrics,
             Contains("gitaly_praefect_primaries{gitaly_storage=\"gitaly-1\",virtual_storage="
                      "\"default\"} 1"));
  CHECK_THAT(metrics,
             Contains("gitaly_praefect_primaries{gitaly_storage=\"gitaly-2\",virtual_storage="
                      "\"default\"} 0"));
}

}  // namespace
}  // namespace praefect::nodes
