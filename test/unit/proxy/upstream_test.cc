#include "proxy/upstream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "net/listener.h"

namespace praefect::proxy {
namespace {

struct Waiting final : Upstream::Waiter {
  void OnConnected(http2::Connection& c) override { connection = &c, told++; }
  void OnConnectFailed(const absl::Status& s) override {
    failure = std::string(s.message()), told++;
    if (on_failure) on_failure();
  }
  http2::Connection* connection = nullptr;
  std::string failure;
  int told = 0;
  std::function<void()> on_failure;
};

struct Bench {
  Upstream& To(const config::Address& address) {
    upstream = std::make_unique<Upstream>(loop, buffers, address, "gitaly-1", metrics);
    return *upstream;
  }
  void RunUntil(std::function<bool()> done) {
    bool late = false;
    net::Timer limit(loop, [&] { late = true, loop.Stop(); });
    limit.Start(5'000);
    std::function<void()> look = [&] { done() ? loop.Stop() : loop.Post(look); };
    loop.Post(look);
    loop.Run();
    REQUIRE_FALSE(late);
  }

  config::Config config;
  prometheus::Registry registry;
  Metrics metrics{registry, config};
  http2::MemoryMeter meter;
  net::EventLoop loop;
  http2::Buffers buffers{meter};
  std::unique_ptr<Upstream> upstream;
};

const config::Address kAnyPort{config::Address::Kind::kTcp, "127.0.0.1", 0, ""};

TEST_CASE("everybody who waits shares one connection") {
  Bench bench;
  auto node = net::ListeningSocket::Bind(kAnyPort);
  REQUIRE(node.ok());
  Upstream& upstream = bench.To((*node)->address());
  Waiting a, b, later;
  upstream.Acquire(a), upstream.Acquire(b);
  bench.RunUntil([&] { return b.told == 1; });
  upstream.Acquire(later);
  CHECK(a.connection != nullptr);
  CHECK(a.connection == b.connection);
  CHECK(a.connection == later.connection);
}

TEST_CASE("a refused connection is told with its cause, and the next call tries anew") {
  Bench bench;
  auto node = net::ListeningSocket::Bind(kAnyPort);
  REQUIRE(node.ok());
  config::Address address = (*node)->address();
  node->reset();
  Upstream& upstream = bench.To(address);
  Waiting first, second;
  upstream.Acquire(first);
  bench.RunUntil([&] { return first.told == 1; });
  CHECK(first.failure == "Connection refused");
  auto back = net::ListeningSocket::Bind(address);
  REQUIRE(back.ok());
  upstream.Acquire(second);
  bench.RunUntil([&] { return second.told == 1; });
  CHECK(second.connection != nullptr);
}

TEST_CASE("who is forgotten is not told, also when another's failure forgets it") {
  Bench bench;
  Upstream& upstream = bench.To({config::Address::Kind::kUnix, "", 0, "/nonexistent/node"});
  Waiting first, forgotten, last;
  first.on_failure = [&] { upstream.Forget(forgotten); };
  upstream.Acquire(first), upstream.Acquire(forgotten), upstream.Acquire(last);
  bench.RunUntil([&] { return last.told == 1; });
  CHECK(first.told == 1);
  CHECK(forgotten.told == 0);
}

TEST_CASE("a connection that broke is replaced") {
  Bench bench;
  auto node = net::ListeningSocket::Bind(kAnyPort);
  REQUIRE(node.ok());
  int accepted = -1;
  Upstream& upstream = bench.To((*node)->address());
  net::Acceptor acceptor(bench.loop, *std::move(node),
                         {[&](int fd, std::string) { accepted = fd; }, {}});
  Waiting first, second;
  upstream.Acquire(first);
  bench.RunUntil([&] { return first.told == 1 && accepted >= 0; });
  auto& lost = bench.metrics.node_connections_lost.Add(
      {{"gitaly_storage", "gitaly-1"}, {"while", "connected"}});
  close(std::exchange(accepted, -1));
  bench.RunUntil([&] { return lost.Value() == 1; });
  upstream.Acquire(second);
  bench.RunUntil([&] { return second.told == 1 && accepted >= 0; });
  CHECK(second.connection != nullptr);
  close(accepted);
}

}  // namespace
}  // namespace praefect::proxy
