#pragma once

// A client and a server on the two ends of a socket pair, and what happens on their streams.

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http2/connection.h"

namespace praefect::http2 {

inline std::string Text(const Slice& slice) {
  return {reinterpret_cast<const char*>(slice.data()), slice.size()};
}

// Writes down what happens to one stream.
struct Ear : StreamListener {
  void OnHeaders(HeaderList h, bool end) override {
    headers = std::move(h);
    ended = end;
    if (on_headers) on_headers();
  }
  void OnData(Slice data) override {
    body += Text(data);
    if (credit && stream != nullptr) stream->Credit(data.size());
  }
  void OnEnd(HeaderList t) override {
    trailers = std::move(t);
    ended = true;
    if (on_end) on_end();
  }
  void OnDrained(size_t bytes) override { drained += bytes; }
  void OnClosed(const StreamClosure& c) override {
    closed = true;
    closure = c;
    stream = nullptr;
    if (on_closed) on_closed();
  }

  Stream* stream = nullptr;
  bool credit = true;
  HeaderList headers, trailers;
  std::string body;
  bool ended = false, closed = false;
  size_t drained = 0;
  StreamClosure closure;
  std::function<void()> on_headers, on_end, on_closed;
};

// One end of a connection.
struct End : Connection::Owner {
  void OnRequest(Stream& stream, HeaderList headers, bool end, bool too_many) override {
    auto& ear = *ears.emplace_back(std::make_unique<Ear>());
    ear.stream = &stream;
    ear.headers = std::move(headers);
    ear.ended = end;
    headers_too_large = too_many;
    stream.SetListener(ear);
    if (on_request) on_request(ear);
  }
  void OnGoaway(Connection&) override { goaway = true; }
  void OnClosed(Connection&, const ConnectionClosure& c) override {
    closure = c;
    connection.reset();
    if (on_closed) on_closed();
  }

  std::unique_ptr<Connection> connection;
  std::vector<std::unique_ptr<Ear>> ears;
  bool goaway = false, headers_too_large = false;
  ConnectionClosure closure;
  std::function<void(Ear&)> on_request;
  std::function<void()> on_closed;
};

inline HeaderList Fields(std::initializer_list<std::pair<const char*, const char*>> fields) {
  HeaderList list;
  for (auto [name, value] : fields) list.Add(name, value);
  return list;
}

inline HeaderList Request() {
  return Fields({{":method", "POST"}, {":scheme", "http"}, {":authority", "x"}, {":path", "/a/b"}});
}

// Takes nothing while it is stuck.
class StickyTransport final : public net::Transport {
 public:
  StickyTransport(std::unique_ptr<net::Transport> transport, const bool& stuck)
      : transport_(std::move(transport)), stuck_(stuck) {}
  net::IoResult Read(uint8_t* into, size_t size) override { return transport_->Read(into, size); }
  net::IoResult Write(const iovec* pieces, int count) override {
    if (stuck_) return {net::IoResult::Kind::kWouldBlock};
    return transport_->Write(pieces, count);
  }
  int fd() const override { return transport_->fd(); }
  const char* kind() const override { return transport_->kind(); }

 private:
  const std::unique_ptr<net::Transport> transport_;
  const bool& stuck_;
};

// A client and a server on the two ends of a socket pair, on one loop.
struct Pair {
  explicit Pair(ConnectionOptions server_options = {}, ConnectionOptions client_options = {}) {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    raw_client = ends[1];
    server.connection = Make(server, Connection::Side::kServer, ends[0], server_options);
    client.connection = Make(client, Connection::Side::kClient, ends[1], client_options);
    // The first bytes of a test obey the windows that it asked for.
    RunUntil([&] { return client.connection->peer_spoke(); });
  }
  ~Pair() { server.connection.reset(), client.connection.reset(); }

  std::unique_ptr<Connection> Make(End& owner, Connection::Side side, int fd,
                                   const ConnectionOptions& options) {
    auto transport = net::MakePlainTransport(fd, "unix");
    if (side == Connection::Side::kClient) {
      transport = std::make_unique<StickyTransport>(std::move(transport), stuck);
    }
    return std::make_unique<Connection>(loop, buffers, owner, side, std::move(transport), options);
  }
  Slice Bytes(const std::string& text) {
    Block* block = buffers.control.GetSized(static_cast<uint32_t>(text.size()));
    memcpy(block->data(), text.data(), text.size());
    Slice slice(block, block->data(), text.size());
    BlockPool::Release(block);
    return slice;
  }
  Stream* Open(Ear& ear, bool end) {
    return ear.stream = client.connection->Open(Request(), end, ear);
  }
  // Until `done`, five seconds at most.
  void RunUntil(std::function<bool()> done) {
    net::Timer limit(loop, [&] { loop.Stop(), timed_out = true; });
    limit.Start(5'000);
    net::Timer poll(loop, [&] {});
    std::function<void()> look = [&] { done() ? loop.Stop() : loop.Post(look); };
    loop.Post(look);
    loop.Run();
    REQUIRE_FALSE(timed_out);
  }

  // What can be done without waiting is done.
  void RunRounds() {
    int rounds = 0;
    RunUntil([&] { return ++rounds > 5; });
  }

  bool stuck = false;  // the client's socket takes nothing
  MemoryMeter meter;
  net::EventLoop loop;
  Buffers buffers{meter};
  End server, client;
  int raw_client = -1;
  bool timed_out = false;
};

}  // namespace praefect::http2
