#include "proxy/upstream.h"

#include <catch2/catch.hpp>

#include "upstream_bench.h"

namespace praefect::proxy {
namespace {

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

TEST_CASE("a node that cannot be reached is left alone for a while, and calls are told why") {
  Bench bench;
  Upstream& upstream = bench.To({config::Address::Kind::kUnix, "", 0, "/nonexistent/node"});
  Waiting waiting, at_once;
  while (bench.traffic->connect_failures < 6) {
    upstream.RetryNow();
    upstream.Acquire(waiting);
    bench.RunUntil([&] { return waiting.told == 1; });
    waiting.told = 0;
  }
  upstream.Acquire(waiting);
  bench.RunUntil([&] { return waiting.told == 1; });
  upstream.Acquire(at_once);
  CHECK(at_once.failure == "No such file or directory");
  CHECK(bench.traffic->calls_backed_off == 1);
}

TEST_CASE("a node that takes connections and says nothing on them is left alone as well") {
  Bench bench;
  Node node(bench.loop, bench.buffers);
  node.hangs_up = true;
  Upstream& upstream = bench.To(node.address);
  Waiting first, second, at_once;
  for (Waiting* call : {&first, &second}) {
    upstream.Acquire(*call);
    bench.RunUntil([&] { return call->told == 1 && upstream.idle(); });
  }
  upstream.Acquire(at_once);
  CHECK(at_once.failure == "the other side closed the connection");
  upstream.RetryNow();
  node.hangs_up = false;
  upstream.Acquire(at_once);
  bench.RunUntil([&] { return at_once.told == 2; });
  CHECK(at_once.connection != nullptr);
}

TEST_CASE("a node that answers no PING is given up, and its calls are told why") {
  Bench bench;
  Node node(bench.loop, bench.buffers);
  node.frozen = true;
  Upstream& upstream = bench.To(node.address);
  upstream.set_keepalive_timeout(std::chrono::milliseconds(100));
  Waiting call;
  upstream.Acquire(call);
  bench.RunUntil([&] { return call.told == 1; });
  Ear ear;
  call.connection->Open(Request(), true, ear);
  bench.RunUntil([&] { return ear.closure.has_value(); });
  CHECK(ear.closure->connection_lost);
  CHECK(ear.closure->cause ==
        "it left a PING unanswered for 100 ms: its process or its host is frozen");
  CHECK(bench.traffic->connections_frozen == 1);
}

TEST_CASE("a node that is silent but answers PINGs is waited for") {
  Bench bench;
  Node node(bench.loop, bench.buffers);
  Upstream& upstream = bench.To(node.address);
  upstream.set_keepalive_timeout(std::chrono::milliseconds(200));
  Waiting call;
  upstream.Acquire(call);
  bench.RunUntil([&] { return call.told == 1; });
  Ear ear;
  call.connection->Open(Request(), true, ear);
  const int64_t later = bench.loop.now_ms() + 500;
  bench.RunUntil([&] { return bench.loop.now_ms() > later; });
  node.Answer();
  bench.RunUntil([&] { return ear.closure.has_value(); });
  CHECK_FALSE(ear.closure->connection_lost);
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

TEST_CASE("connections are counted by what they are good for") {
  Bench bench;
  Node node(bench.loop, bench.buffers);
  Upstream& upstream = bench.To(node.address);
  const nodes::Traffic& traffic = *bench.traffic;
  Waiting call;
  upstream.Acquire(call);
  CHECK(traffic.connecting == 1);
  bench.RunUntil([&] { return call.told == 1; });
  CHECK((traffic.connecting == 0 && traffic.connected == 1));
  Ear ear;
  call.connection->Open(Request(), true, ear);
  upstream.Drain();
  CHECK((traffic.connected == 0 && traffic.draining == 1));
  bench.upstream.reset();
  CHECK(traffic.draining == 0);
}

TEST_CASE("a drained upstream ends when its last stream has, and not before") {
  Bench bench;
  Node node(bench.loop, bench.buffers);
  Upstream& upstream = bench.To(node.address);
  Waiting call;
  upstream.Acquire(call);
  bench.RunUntil([&] { return call.told == 1; });
  Ear ear;
  REQUIRE(call.connection->Open(Request(), true, ear) != nullptr);
  upstream.Drain();
  bench.RunUntil([&] { return node.stream != nullptr; });
  CHECK_FALSE(upstream.idle());
  node.Answer();
  bench.RunUntil([&] { return upstream.idle(); });
  CHECK((ear.closure.has_value() && ear.closure->error_code == http2::kNoError));
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
  close(std::exchange(accepted, -1));
  bench.RunUntil([&] { return bench.traffic->connections_lost == 1; });
  upstream.Acquire(second);
  bench.RunUntil([&] { return second.told == 1 && accepted >= 0; });
  CHECK(second.connection != nullptr);
  close(accepted);
}

}  // namespace
}  // namespace praefect::proxy
