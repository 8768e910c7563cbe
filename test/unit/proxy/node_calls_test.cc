#include "proxy/node_calls.h"

#include <catch2/catch.hpp>
#include <future>

#include "upstream_bench.h"

namespace praefect::proxy {
namespace {

using http2::StatusCode;
using End = SideCall::End;

// A node on a loop of its own, which answers every request as the test says.
struct RemoteNode {
  enum class Manner { kAnswers, kSaysNothing, kHangsUp };

  explicit RemoteNode(Manner manner, std::string body = "")
      : manner(manner), body(std::move(body)) {
    thread = std::thread([this] { loop.Run(); });
  }
  ~RemoteNode() {
    loop.Post([this] {
      node.connection.reset();
      node.acceptor.reset();
    });
    loop.Stop();
    thread.join();
  }

  struct Answering final : http2::Connection::Owner, http2::StreamListener {
    explicit Answering(RemoteNode& remote) : remote(remote) {
      auto socket = net::ListeningSocket::Bind({config::Address::Kind::kTcp, "127.0.0.1", 0, ""});
      REQUIRE(socket.ok());
      address = (*socket)->address();
      net::Acceptor::Callbacks callbacks;
      callbacks.accepted = [this](int fd, std::string) {
        http2::Connection::Owner& owner = *this;
        connection = std::make_unique<http2::Connection>(
            this->remote.loop, this->remote.buffers, owner, http2::Connection::Side::kServer,
            net::MakePlainTransport(fd, "tcp"), http2::ConnectionOptions{});
      };
      acceptor =
          std::make_unique<net::Acceptor>(remote.loop, *std::move(socket), std::move(callbacks));
    }
    void OnRequest(http2::Stream& opened, http2::HeaderList headers, bool, bool) override {
      stream = &opened;
      opened.SetListener(*this);
      seen.set_value({std::string(headers.Get(":path")), std::string(headers.Get("authorization")),
                      std::string(headers.Get("x-marked"))});
      if (remote.manner == Manner::kHangsUp) connection->Close("enough");
    }
    void OnData(http2::Slice data) override {
      received.append(reinterpret_cast<const char*>(data.data()), data.size());
    }
    void OnEnd(http2::HeaderList) override {
      if (remote.manner != Manner::kAnswers) return;
      stream->SendHeaders(Fields({{":status", "200"}, {"content-type", "application/grpc"}}),
                          false);
      stream->SendData(MessageOf(remote.body));
      stream->SendData(MessageOf("second"));
      stream->SendTrailers(Fields({{"grpc-status", "9"}, {"grpc-message", "not%20now"}}));
    }
    http2::Slice MessageOf(std::string_view text) {
      const auto size = static_cast<uint32_t>(text.size() + http2::kMessagePrefix);
      http2::Block* block = remote.buffers.control.GetSized(size);
      http2::WritePrefix(block->data(), {0, static_cast<uint32_t>(text.size())});
      std::copy(text.begin(), text.end(), block->data() + http2::kMessagePrefix);
      http2::Slice slice(block, block->data(), size);
      http2::BlockPool::Release(block);
      return slice;
    }
    void OnHeaders(http2::HeaderList, bool) override {}
    void OnDrained(size_t) override {}
    void OnClosed(const http2::StreamClosure&) override {}
    void OnGoaway(http2::Connection&) override {}
    void OnClosed(http2::Connection&, const http2::ConnectionClosure&) override {
      connection.reset();
    }

    RemoteNode& remote;
    config::Address address;
    std::unique_ptr<net::Acceptor> acceptor;
    std::unique_ptr<http2::Connection> connection;
    http2::Stream* stream = nullptr;
    std::string received;
    std::promise<std::vector<std::string>> seen;
  };

  const Manner manner;
  const std::string body;
  http2::MemoryMeter meter;
  net::EventLoop loop;
  http2::Buffers buffers{meter};
  Answering node{*this};
  std::thread thread;
};

struct Caller {
  explicit Caller(const config::Address& address) {
    auto snapshot = std::make_shared<nodes::Snapshot>();
    nodes::Node node;
    node.virtual_storage = "default";
    node.storage = "gitaly-1";
    node.address = address;
    node.address_text = "tcp://the-node";
    node.token = "secret";
    snapshot->virtual_storages.push_back({"default", {node}});
    calls.Publish(snapshot);
    this->node = FindNode(snapshot, "default", "gitaly-1");
    REQUIRE(this->node != nullptr);
    CHECK(FindNode(snapshot, "default", "gitaly-2") == nullptr);
    CHECK(FindNode(snapshot, "other", "gitaly-1") == nullptr);
  }
  NodeRequest Ask() const { return {.path = "/a/b", .message = "question"}; }

  http2::MemoryMeter meter;
  net::Resolver resolver;
  NodeCalls calls{meter, resolver, std::chrono::milliseconds(0)};
  NodePtr node;
};

config::Address NobodyThere() {
  auto socket = net::ListeningSocket::Bind({config::Address::Kind::kTcp, "127.0.0.1", 0, ""});
  REQUIRE(socket.ok());
  return (*socket)->address();  // which is closed
}

TEST_CASE("a call brings the node's messages, status and text") {
  RemoteNode remote(RemoteNode::Manner::kAnswers, "first");
  Caller caller(remote.node.address);
  auto seen = remote.node.seen.get_future();
  auto request = caller.Ask();
  request.metadata = {{"x-marked", "yes"}};
  const NodeAnswer answer = caller.calls.Wait(caller.node, request);
  CHECK(answer.code == StatusCode::kFailedPrecondition);
  CHECK(answer.message == "node \"gitaly-1\" (tcp://the-node): not now");
  CHECK(answer.end == End::kAnswered);
  CHECK(answer.responses == std::vector<std::string>{"first", "second"});
  const auto fields = seen.get();
  CHECK(fields[0] == "/a/b");
  CHECK(fields[1].substr(0, 7) == "Bearer ");
  CHECK(fields[2] == "yes");
}

TEST_CASE("answers are bounded") {
  RemoteNode remote(RemoteNode::Manner::kAnswers, std::string(2'000, 'x'));
  Caller caller(remote.node.address);
  auto request = caller.Ask();
  request.max_response_bytes = 1'000;
  const NodeAnswer answer = caller.calls.Wait(caller.node, request);
  CHECK(answer.code == StatusCode::kResourceExhausted);
  CHECK(answer.end == End::kLost);
  CHECK(answer.responses.empty());
}

TEST_CASE("a node that cannot be reached was sent nothing") {
  Caller caller(NobodyThere());
  const NodeAnswer answer = caller.calls.Wait(caller.node, caller.Ask());
  CHECK(answer.code == StatusCode::kUnavailable);
  CHECK(answer.end == End::kNeverSent);
}

TEST_CASE("a node that is silent for too long may still do it") {
  RemoteNode remote(RemoteNode::Manner::kSaysNothing);
  Caller caller(remote.node.address);
  auto request = caller.Ask();
  request.timeout = std::chrono::milliseconds(50);
  const NodeAnswer answer = caller.calls.Wait(caller.node, request);
  CHECK(answer.code == StatusCode::kDeadlineExceeded);
  CHECK(answer.end == End::kLost);
}

TEST_CASE("a node that hangs up may have done it") {
  RemoteNode remote(RemoteNode::Manner::kHangsUp);
  Caller caller(remote.node.address);
  const NodeAnswer answer = caller.calls.Wait(caller.node, caller.Ask());
  CHECK(answer.code == StatusCode::kUnavailable);
  CHECK(answer.end == End::kLost);
}

TEST_CASE("stopping ends what is under way, and what comes later") {
  RemoteNode remote(RemoteNode::Manner::kSaysNothing);
  Caller caller(remote.node.address);
  auto seen = remote.node.seen.get_future();
  std::promise<NodeAnswer> promise;
  caller.calls.Start(caller.node, caller.Ask(),
                     [&](NodeAnswer answer) { promise.set_value(std::move(answer)); });
  seen.wait();
  caller.calls.Stop();
  CHECK(promise.get_future().get().end == End::kLost);
  CHECK(caller.calls.Wait(caller.node, caller.Ask()).end == End::kNeverSent);
}

}  // namespace
}  // namespace praefect::proxy
