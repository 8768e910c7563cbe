// What one connection may do before others have their turn.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "unit/http2/raw_peer.h"
#include "unit/net/looping.h"

namespace praefect::http2 {
namespace {

const std::string kHello = std::string(kClientPreface) + FrameOf(FrameType::kSettings, 0, 0);

std::string Credit(uint32_t stream) {
  return FrameOf(FrameType::kWindowUpdate, 0, stream, Number(0x7f000000));
}
// Of a type that nobody knows.
std::string Filling(size_t bytes) {
  return FrameOf(static_cast<FrameType>(0xee), 0, 0, std::string(bytes, 'x'));
}
// :method POST, :scheme http, :path /, :authority x: the shortest request that there is.
std::string ShortRequest(uint32_t stream, bool end = true) {
  return Ask(stream, "\x83\x86\x84\x01\x01x", end);
}

// Its other end says what the test says, and takes everything.
class Script final : public net::Transport {
 public:
  Script() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds_) == 0); }
  ~Script() override { close(fds_[0]), close(fds_[1]); }

  net::IoResult Read(uint8_t* into, size_t size) override {
    if (endless) said = Filling(1'000) + said;
    if (said.empty()) return {net::IoResult::Kind::kWouldBlock};
    const size_t n = std::min({size, said.size(), most_at_once});
    memcpy(into, said.data(), n);
    said.erase(0, n);
    holds_input_ = !said.empty();
    reads++;
    return {net::IoResult::Kind::kOk, n};
  }
  net::IoResult Write(const iovec* pieces, int count) override {
    if (endless) return {net::IoResult::Kind::kError, 0, EPIPE};
    size_t size = 0;
    for (int i = 0; i < count; i++) size += pieces[i].iov_len;
    written += size;
    return {net::IoResult::Kind::kOk, size};
  }
  int fd() const override { return fds_[0]; }
  int other_end() const { return fds_[1]; }
  const char* kind() const override { return "unix"; }

  std::string said;
  bool endless = false;  // speaks on and on, and takes nothing
  size_t most_at_once = ~size_t{0};
  size_t written = 0;
  int reads = 0;

 private:
  int fds_[2];
};

struct Silent final : StreamListener {
  void OnHeaders(HeaderList, bool) override {}
  void OnData(Slice data) override { held.Push(std::move(data)); }
  void OnEnd(HeaderList) override {}
  void OnDrained(size_t) override {}
  void OnClosed(const StreamClosure&) override {}

  SliceQueue held;
};

struct Turns : net::Looping, Connection::Owner {
  Turns() {
    auto script = std::make_unique<Script>();
    peer = script.get();
    peer->said = kHello;
    ConnectionOptions options;
    options.max_concurrent_streams = 100'000;
    Connection::Owner& owner = *this;
    connection.emplace(loop, buffers, owner, Connection::Side::kServer, std::move(script), options);
    // As if there were more behind what was read at first.
    REQUIRE(::write(peer->other_end(), "x", 1) == 1);
  }

  void OnRequest(Stream& stream, HeaderList, bool, bool) override {
    stream.SetListener(listener);
    connection->Charge(charge);
    requests[loop.round()]++;
    last = &stream;
  }
  void OnGoaway(Connection&) override {}
  void OnClosed(Connection&, const ConnectionClosure&) override { closed = true; }

  MemoryMeter meter;
  Buffers buffers{meter};
  Silent listener;
  Script* peer;
  std::optional<Connection> connection;
  std::map<uint64_t, int> requests;  // by round
  uint64_t charge = 0;               // for each request
  Stream* last = nullptr;
  bool closed = false;
};

TEST_CASE_METHOD(Turns, "a client of many tiny requests has few begun in one round") {
  constexpr int kRequests = 20'000;
  for (uint32_t i = 0; i < kRequests; i++) peer->said += ShortRequest(2 * i + 1);
  int begun = 0;
  RunUntil([&] {
    begun = 0;
    for (const auto& [round, count] : requests) begun += count;
    return begun == kRequests;
  });
  for (const auto& [round, count] : requests) CHECK(count < 2'000);
  CHECK(requests.rbegin()->second < 500);
}

TEST_CASE_METHOD(Turns, "requests that cost much are read a few at a time") {
  charge = 1'000;
  for (uint32_t i = 0; i < 3'000; i++) peer->said += Filling(7) + ShortRequest(2 * i + 1);
  RunUntil([&] { return requests.size() >= 5; });
  CHECK(requests.rbegin()->second < 200);
}

TEST_CASE_METHOD(Turns, "bytes that are passed on one by one are put together") {
  peer->said += ShortRequest(1);
  RunUntil([this] { return last != nullptr; });
  Block* block = buffers.control.Get();
  for (int i = 0; i < 100'000; i++) last->SendData(Slice(block, block->data(), 1));
  BlockPool::Release(block);
  const SliceQueue unsent = last->TakeUnsent();
  CHECK(unsent.bytes() == 100'000);
  CHECK(unsent.count() < 100);
}

TEST_CASE_METHOD(Turns, "what is held of many short reads takes little more than its bytes") {
  constexpr size_t kFrames = 2'000, kBytes = 20;
  const std::string frame = FrameOf(FrameType::kData, 0, 1, std::string(kBytes, 'x'));
  peer->said += ShortRequest(1, false);
  RunUntil([this] { return last != nullptr; });
  peer->most_at_once = frame.size();
  for (size_t i = 0; i < kFrames; i++) peer->said += frame;
  RunUntil([this] { return listener.held.bytes() == kFrames * kBytes; });
  CHECK(peer->reads > static_cast<int>(kFrames));
  CHECK(meter.bytes < 3 * (128 << 10));
  listener.held.Clear();
}

TEST_CASE_METHOD(Turns, "a client that takes everything is given a bounded part of it in a round") {
  peer->said += Credit(0) + ShortRequest(1) + Credit(1);
  RunUntil([this] { return last != nullptr; });
  HeaderList headers;
  headers.Add(":status", "200");
  last->SendHeaders(std::move(headers), false);
  Block* block = buffers.receive.Get();
  const size_t before = peer->written;
  constexpr size_t kBlocks = 100;
  for (size_t i = 0; i < kBlocks; i++) last->SendData(Slice(block, block->data(), block->capacity));
  BlockPool::Release(block);
  size_t most = 0, seen = before;
  uint64_t round = loop.round();
  RunUntil([&] {
    if (loop.round() != round) {
      most = std::max(most, peer->written - seen);
      seen = peer->written;
      round = loop.round();
    }
    return peer->written - before > kBlocks * (128 << 10);
  });
  CHECK(most < 3 << 20);  // the end of a round comes twice: after timers and after reading
}

TEST_CASE_METHOD(Turns, "a peer that takes nothing and speaks on is not heard for ever") {
  RunUntil([this] { return peer->reads > 0; });
  peer->endless = true;
  connection->Ping([] {});
  RunUntil([this] { return closed; });
  CHECK(peer->reads < 1'000);
}

}  // namespace
}  // namespace praefect::http2
