#pragma once

// An upstream on the test's own loop, and a node for it, which does what the test tells it.

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "net/listener.h"
#include "proxy/upstream.h"

namespace praefect::proxy {

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

inline http2::HeaderList Fields(std::initializer_list<std::pair<const char*, const char*>> fields) {
  http2::HeaderList list;
  for (auto [name, value] : fields) list.Add(name, value);
  return list;
}

// A stream's end, either side.
struct Ear final : http2::StreamListener {
  void OnHeaders(http2::HeaderList, bool) override {}
  void OnData(http2::Slice) override {}
  void OnEnd(http2::HeaderList) override {}
  void OnDrained(size_t) override {}
  void OnClosed(const http2::StreamClosure& c) override { closure = c; }
  std::optional<http2::StreamClosure> closure;
};

// A node on the test's own loop, which answers when it is told to.
struct Node final : http2::Connection::Owner {
  Node(net::EventLoop& loop, http2::Buffers& buffers) : loop(loop), buffers(buffers) {
    auto socket = net::ListeningSocket::Bind({config::Address::Kind::kTcp, "127.0.0.1", 0, ""});
    REQUIRE(socket.ok());
    address = (*socket)->address();
    net::Acceptor::Callbacks callbacks;
    callbacks.accepted = [this](int fd, std::string) { Serve(fd); };
    acceptor = std::make_unique<net::Acceptor>(loop, *std::move(socket), std::move(callbacks));
  }
  ~Node() {
    if (unread >= 0) close(unread);
  }
  void Serve(int fd) {
    if (hangs_up) close(fd);
    if (frozen) unread = fd;
    if (hangs_up || frozen) return;
    http2::Connection::Owner& owner = *this;
    connection = std::make_unique<http2::Connection>(
        loop, buffers, owner, http2::Connection::Side::kServer, net::MakePlainTransport(fd, "tcp"),
        http2::ConnectionOptions{});
  }
  void OnRequest(http2::Stream& opened, http2::HeaderList, bool, bool) override {
    requests++;
    if (refusals-- > 0) return opened.Reset(http2::kRefusedStream);
    stream = &opened;
    opened.SetListener(ear);
  }
  void OnGoaway(http2::Connection&) override {}
  void OnClosed(http2::Connection&, const http2::ConnectionClosure&) override {
    connection.reset();
  }
  void Answer() { stream->SendHeaders(Fields({{":status", "200"}, {"grpc-status", "0"}}), true); }

  net::EventLoop& loop;
  http2::Buffers& buffers;
  config::Address address;
  std::unique_ptr<net::Acceptor> acceptor;
  std::unique_ptr<http2::Connection> connection;
  http2::Stream* stream = nullptr;
  bool hangs_up = false, frozen = false;
  int refusals = 0;  // streams to be refused
  int requests = 0;
  int unread = -1;
  Ear ear;
};

inline http2::HeaderList Request() {
  return Fields({{":method", "POST"}, {":scheme", "http"}, {":authority", "x"}, {":path", "/a/b"}});
}

struct Bench {
  Upstream& To(const config::Address& address) {
    upstream = std::make_unique<Upstream>(loop, buffers, resolver, address, traffic);
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

  std::shared_ptr<nodes::Traffic> traffic = std::make_shared<nodes::Traffic>();
  http2::MemoryMeter meter;
  net::EventLoop loop;
  http2::Buffers buffers{meter};
  net::Resolver resolver;
  std::unique_ptr<Upstream> upstream;
};

}  // namespace praefect::proxy
