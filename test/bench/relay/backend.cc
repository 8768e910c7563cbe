// backend -node PORT=STORAGE... -secret SECRET [-certificate FILE -key FILE]: Gitaly nodes that do
// no more than answer. Checks each request: a token made with SECRET, its header fields, a
// repository of STORAGE, and every byte. What is wrong ends the program, because no figure would
// count.

#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "relay/calls.h"
#include "relay/endpoint.h"
#include "relay/failure.h"
#include "relay/sockets.h"

namespace praefect::bench {
namespace {

constexpr std::string_view kHealth = "/grpc.health.v1.Health/Check";
constexpr std::string_view kServerInfo = "/gitaly.ServerService/ServerInfo";
// Praefect asks this before it records a repository that it does not know.
constexpr std::string_view kExists = "/gitaly.RepositoryService/RepositoryExists";
constexpr size_t kFramingBytes = 5;

// What all connections of one node share.
struct Node {
  Node(const std::string& storage_name, std::string node_secret)
      : check(storage_name), secret(std::move(node_secret)) {
    // ServerInfoResponse: server_version, git_version, storage_statuses {storage_name, readable,
    // writeable, fs_type, filesystem_id}.
    const std::string name = static_cast<char>(storage_name.size()) + storage_name;
    const std::string status = "\x0a" + name + "\x10\x01\x18\x01\x22\x04" + "ext4" + "\x2a" + name;
    const std::string versions = std::string("\x0a\x06") + "18.9.0" + "\x12\x06" + "2.50.0";
    server_info = Framed(versions + "\x1a" + static_cast<char>(status.size()) + status);
  }
  const RequestCheck check;
  const std::string secret;
  std::string server_info;
  std::string good_authorization;  // the last one: a new one comes once a second
};

struct Request : EndpointStream {
  std::list<Request>::iterator place;
  std::string path;
  const Method* method = nullptr;
  bool authorized = false;
  size_t fields = 0;
  std::string first;  // message with its framing
  Incoming rest;
  uint64_t answered_messages = 0;  // of rest, kPingPong
  bool answered = false;
};

class NodeConnection final : public Endpoint {
 public:
  NodeConnection(Poller& poller, int fd, SSL_CTX* tls, Node& node)
      : Endpoint(poller, fd, tls, Side::kServer, {}), node_(node) {}

 private:
  EndpointStream* OnRequest() override {
    requests_.emplace_front();
    requests_.front().place = requests_.begin();
    return &requests_.front();
  }

  void OnHeader(EndpointStream& stream, std::string_view name, std::string_view value) override {
    auto& request = static_cast<Request&>(stream);
    request.fields++;
    if (name == ":path") {
      request.method = FindMethod(value);
      if (request.method == nullptr) request.path = value;
    } else if (name == "authorization") {
      request.authorized = IsGood(value);
    }
  }

  bool IsGood(std::string_view authorization) {
    if (authorization == node_.good_authorization) return true;
    if (!IsAuthorized(authorization, node_.secret)) return false;
    node_.good_authorization = authorization;
    return true;
  }

  void OnData(EndpointStream& stream, const uint8_t* data, size_t size) override {
    auto& request = static_cast<Request&>(stream);
    if (request.method == nullptr) return;
    const size_t taken = TakeFirst(request, data, size);
    if (!HasFirst(request)) return;
    if (taken > 0) OnFirstMessage(request);
    if (!request.rest.Take(data + taken, size - taken)) return Refuse(request, "wrong bytes");
    if (request.method->shape == Shape::kPingPong) Pong(request);
  }

  static bool HasFirst(const Request& request) {
    return request.first.size() >= kFramingBytes &&
           request.first.size() == kFramingBytes + Length(request.first);
  }
  static size_t Length(std::string_view framed) {
    size_t length = 0;
    for (const char byte : framed.substr(1, 4)) length = length << 8 | static_cast<uint8_t>(byte);
    return length;
  }
  static size_t TakeFirst(Request& request, const uint8_t* data, size_t size) {
    size_t taken = 0;
    while (taken < size && !HasFirst(request)) {
      const size_t wanted = request.first.size() < kFramingBytes
                                ? kFramingBytes - request.first.size()
                                : kFramingBytes + Length(request.first) - request.first.size();
      const size_t piece = std::min(wanted, size - taken);
      request.first.append(reinterpret_cast<const char*>(data) + taken, piece);
      taken += piece;
    }
    return taken;
  }

  void OnFirstMessage(Request& request) {
    const auto bytes =
        node_.check.DownloadBytes(std::string_view(request.first).substr(kFramingBytes));
    if (!bytes) return Refuse(request, "not a repository of this node");
    if (!request.authorized) return Refuse(request, "not authorized");
    if (request.fields < kRequestFields) return Refuse(request, "header fields are missing");
    switch (request.method->shape) {
      case Shape::kUnary:
        request.out.Begin({}, SmallMessage());
        return request.out.More(1);
      case Shape::kDownload:
        request.out.Begin({}, TransferMessage());
        return request.out.More(*bytes / kTransferBytes);
      case Shape::kUpload:
        request.rest.Expect(TransferMessage());
        request.out.Begin({}, SmallMessage());
        return request.out.More(1);
      case Shape::kPingPong:
        request.rest.Expect(SmallMessage());
        request.out.Begin({}, SmallMessage());
        request.out.More(1);
        return AnswerOnce(request);
    }
  }

  void Pong(Request& request) {
    const uint64_t messages = request.rest.messages();
    if (messages == request.answered_messages) return;
    request.out.More(messages - std::exchange(request.answered_messages, messages));
    Resume(request);
  }

  void OnEnd(EndpointStream& stream) override {
    auto& request = static_cast<Request&>(stream);
    if (request.method == nullptr) return AnswerProbe(request);
    if (!HasFirst(request) || !request.rest.between_messages()) Refuse(request, "cut short");
    request.out.End();
    AnswerOnce(request);
    Resume(request);
  }

  void AnswerProbe(Request& request) {
    static const std::string yes = Framed("\x08\x01");  // SERVING, or true
    const bool known =
        request.path == kHealth || request.path == kServerInfo || request.path == kExists;
    if (!known) Fail("asked for " + request.path);
    request.out.Begin({}, request.path == kServerInfo ? node_.server_info : yes);
    request.out.More(1);
    request.out.End();
    AnswerOnce(request);
  }

  void AnswerOnce(Request& request) {
    static const std::array<nghttp2_nv, 2> headers = {Lasting(":status", "200"),
                                                      Lasting("content-type", "application/grpc")};
    static const auto trailers = [] {
      std::array<nghttp2_nv, kTrailers.size()> fields{};
      for (size_t i = 0; i < fields.size(); ++i) {
        fields[i] = Lasting(kTrailers[i].first, kTrailers[i].second);
      }
      return fields;
    }();
    if (std::exchange(request.answered, true)) return;
    request.trailers = trailers.data();
    request.trailer_count = trailers.size();
    Answer(request, headers.data(), headers.size());
  }

  // A proxy spoiled the request, so no figure counts.
  void Refuse(Request& request, const char* why) {
    Fail(std::string(request.method->path) + ": " + why);
  }

  void OnClosed(EndpointStream& stream, uint32_t) override {
    requests_.erase(static_cast<Request&>(stream).place);
  }
  void OnBroken() override {}  // that a proxy went away, or nghttp2 found it at fault

  Node& node_;
  std::list<Request> requests_;
};

class Listener final : public Poller::Handler {
 public:
  Listener(Poller& poller, uint16_t port, SSL_CTX* tls, const std::string& storage,
           const std::string& secret)
      : poller_(poller), fd_(Listen(port)), tls_(tls), node_(storage, secret) {
    poller_.Add(fd_, *this);
  }

  void OnReady(bool, bool) override {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    connections_.push_back(std::make_unique<NodeConnection>(poller_, fd, tls_, node_));
    connections_.back()->Flush();
  }
  void ForgetBroken() {
    connections_.remove_if([](const auto& connection) { return connection->broken(); });
  }

 private:
  Poller& poller_;
  const int fd_;
  SSL_CTX* const tls_;
  Node node_;
  std::list<std::unique_ptr<NodeConnection>> connections_;
};

int Main(int argc, char** argv) {
  CLI::App app("Gitaly nodes that only answer");
  std::vector<std::string> nodes;
  std::string secret, certificate, key;
  app.add_option("-n,--node", nodes, "PORT=STORAGE")->required();
  app.add_option("-s,--secret", secret, "of the tokens of requests")->required();
  app.add_option("--certificate", certificate, "PEM file; the nodes speak TLS");
  app.add_option("--key", key, "PEM file");
  CLI11_PARSE(app, argc, argv);

  RaiseDescriptorLimit();
  SSL_CTX* tls = certificate.empty() ? nullptr : ServerTls(certificate, key);
  Poller poller;
  std::list<Listener> listeners;
  for (const std::string& node : nodes) {
    const size_t equals = node.find('=');
    listeners.emplace_back(poller, static_cast<uint16_t>(std::stoi(node)), tls,
                           node.substr(equals + 1), secret);
  }
  std::puts("ready");
  std::fflush(stdout);
  while (true) {
    poller.RunOnce(NowNs() + 1'000'000'000);
    for (Listener& listener : listeners) listener.ForgetBroken();
  }
}

}  // namespace
}  // namespace praefect::bench

int main(int argc, char** argv) { return praefect::bench::Main(argc, argv); }
