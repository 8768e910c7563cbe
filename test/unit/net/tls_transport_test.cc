#include "net/tls_transport.h"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "net/tls_handshake.h"
#include "support/certificate_authority.h"

namespace praefect::net {
namespace {

using test::CertificateAuthority;
using test::CertificateWish;

// Of the whole program: making keys takes its time.
CertificateAuthority& Authority() {
  static CertificateAuthority authority;
  return authority;
}

std::shared_ptr<const TlsServerContext> ServerContext(const CertificateWish& wish = {},
                                                      const std::string& min = "TLS 1.2") {
  const auto issued = Authority().Issue(wish);
  auto context = TlsServerContext::Make({issued.chain, issued.key, "", min});
  REQUIRE(context.ok());
  return *context;
}

// Trusts the authority and nothing else.
std::shared_ptr<const TlsClientContext> ClientContext(bool trusting = true) {
  setenv("SSL_CERT_FILE", trusting ? Authority().root().c_str() : "/dev/null", 1);
  setenv("SSL_CERT_DIR", Authority().empty_folder().c_str(), 1);
  auto context = TlsClientContext::Make("TLS 1.2");
  unsetenv("SSL_CERT_FILE");
  unsetenv("SSL_CERT_DIR");
  REQUIRE(context.ok());
  return *context;
}

// Two ends of a socket pair, each with a handshake or with what the test does by hand.
class Ends {
 public:
  Ends() {
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_) == 0);
    int small = 4'096;  // whole batches do not fit
    setsockopt(fds_[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(fds_[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  }
  ~Ends() {
    if (!server_owned_) close(fds_[0]);
    if (!client_owned_) close(fds_[1]);
  }

  void Serve(std::shared_ptr<const TlsServerContext> context, int64_t timeout_ms = 5'000,
             RoundBudget* turns = nullptr) {
    server_owned_ = true;
    server_shakes_.emplace(
        loop, TlsTransport::Accept(fds_[0], std::move(context)), timeout_ms,
        [this](auto result) { Take(server, std::move(result)); }, turns);
    waiting_++;
  }
  void Connect(std::shared_ptr<const TlsClientContext> context,
               const std::string& host = "localhost", int64_t timeout_ms = 5'000) {
    client_owned_ = true;
    client_shakes_.emplace(loop, TlsTransport::Connect(fds_[1], std::move(context), host),
                           timeout_ms, [this](auto result) { Take(client, std::move(result)); });
    waiting_++;
  }
  // Until every handshake that was begun has ended.
  Ends& Run() {
    loop.Run();
    return *this;
  }
  // The bytes of a client, or of a server, by hand.
  void ClientSays(std::string_view bytes) {
    REQUIRE(write(fds_[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void ServerSays(std::string_view bytes) {
    REQUIRE(write(fds_[0], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void ClientLeaves() { shutdown(fds_[1], SHUT_RDWR); }
  void ServerLeaves() { shutdown(fds_[0], SHUT_RDWR); }

  EventLoop loop;
  TlsHandshake::Result server, client;

 private:
  void Take(TlsHandshake::Result& into, TlsHandshake::Result result) {
    into = std::move(result);
    if (--waiting_ == 0) loop.Stop();
  }

  int fds_[2];
  bool server_owned_ = false, client_owned_ = false;
  int waiting_ = 0;
  std::optional<TlsHandshake> server_shakes_, client_shakes_;
};

// Both ends shake hands.
void Meet(Ends& ends, const CertificateWish& wish = {}, const std::string& host = "localhost",
          bool trusting = true) {
  ends.Serve(ServerContext(wish));
  ends.Connect(ClientContext(trusting), host);
  ends.Run();
}

TEST_CASE("two ends that trust each other speak HTTP/2 over TLS") {
  Ends ends;
  Meet(ends);
  CHECK(ends.server.outcome == "ok");
  CHECK(ends.client.outcome == "ok");
  REQUIRE(ends.server.transport != nullptr);
  CHECK(std::string(ends.server.transport->kind()) == "tls");
}

TEST_CASE("an IP address is verified too") {
  Ends ends;
  Meet(ends, {}, "127.0.0.1");
  CHECK(ends.client.error == "");
}

TEST_CASE("a certificate is refused with the reason, and the server is told") {
  struct Row {
    CertificateWish wish;
    std::string host;
    bool trusting;
    std::string reason;
  };
  const std::vector<Row> rows = {
      {{}, "gitaly-1", true, "the node's certificate is for localhost, 127.0.0.1, ::1, not for"},
      {{.names = {"DNS:a", "DNS:b", "DNS:c", "DNS:d"}},
       "x",
       true,
       "is for a, b, c, ..., not for x"},
      {{}, "127.0.0.2", true, "the node's certificate is for localhost, 127.0.0.1, ::1, not for"},
      {{.days = -1}, "localhost", true, "the node's certificate expired at 20"},
      {{}, "localhost", false, "is signed by an unknown authority (\"Test CA\")"},
      {{.self_signed = true}, "localhost", true, "is signed by an unknown authority (\"praefect"},
  };
  for (const Row& row : rows) {
    Ends ends;
    Meet(ends, row.wish, row.host, row.trusting);
    INFO(row.reason);
    CHECK_THAT(ends.client.error, Catch::Matchers::Contains(row.reason));
    CHECK(ends.client.outcome == "bad_certificate");
    CHECK(ends.server.outcome == "peer_alert");
    CHECK(ends.client.transport == nullptr);
  }
}

TEST_CASE("without a common version there is no handshake") {
  Ends ends;
  auto old = ClientContext();
  SSL_CTX_set_max_proto_version(old->get(), TLS1_2_VERSION);
  ends.Serve(ServerContext({}, "TLS 1.3"));
  ends.Connect(old);
  ends.Run();
  CHECK(ends.server.outcome == "no_common_version");
  CHECK(ends.client.outcome == "peer_alert");
  CHECK_THAT(ends.client.error, Catch::Matchers::Contains("protocol version"));
}

TEST_CASE("whoever speaks no TLS is told apart") {
  Ends plain_client, plain_server;
  plain_client.Serve(ServerContext());
  plain_client.ClientSays("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  CHECK(plain_client.Run().server.outcome == "plain_client");
  plain_server.Connect(ClientContext());
  plain_server.ServerSays(std::string("\0\0\0\4\0\0\0\0\0", 9));
  CHECK(plain_server.Run().client.outcome == "not_tls");
}

TEST_CASE("a handshake goes on when it has its turn") {
  Ends starved, served;
  RoundBudget none(starved.loop, 0), one(served.loop, 1);
  starved.Serve(ServerContext(), 50, &none);
  starved.ClientSays("hello");  // which would end it at once
  CHECK(starved.Run().server.outcome == "timeout");
  served.Serve(ServerContext(), 5'000, &one);
  served.Connect(ClientContext());
  CHECK(served.Run().server.outcome == "ok");
}

TEST_CASE("half a handshake ends with its time, or with its client") {
  Ends slow, gone, silent;
  slow.Serve(ServerContext(), 50);
  slow.ClientSays(std::string("\x16\x03\x01\x02", 4));
  CHECK(slow.Run().server.outcome == "timeout");
  gone.Serve(ServerContext());
  gone.ClientSays(std::string("\x16\x03\x01\x02", 4));
  gone.ClientLeaves();
  CHECK(gone.Run().server.outcome == "peer_closed");
  silent.Connect(ClientContext());
  silent.ServerLeaves();
  const std::string outcome(silent.Run().client.outcome);
  CHECK((outcome == "peer_closed" || outcome == "io_error"));
}

TEST_CASE("a node whose TLS chooses no HTTP/2 is refused") {
  auto context = ServerContext();
  SSL_CTX_set_alpn_select_cb(context->get(), nullptr, nullptr);
  Ends ends;
  ends.Serve(context);
  ends.Connect(ClientContext());
  ends.Run();
  CHECK(ends.client.outcome == "bad_alpn");
}

// ---- as a transport -------------------------------------------------------------------------

std::string Pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; i++) text[i] = static_cast<char>(i * 7 + i / 251);
  return text;
}

bool Worked(const IoResult& result) {
  return result.kind == IoResult::Kind::kOk || result.kind == IoResult::Kind::kWouldBlock;
}

// What goes from one end to the other, in pieces of `piece` bytes.
struct Flow {
  void Write(Transport& from) {
    std::vector<iovec> pieces;
    for (size_t at = sent; at < text.size() && pieces.size() < 128; at += piece) {
      pieces.push_back({const_cast<char*>(text.data()) + at, std::min(piece, text.size() - at)});
    }
    const IoResult written = from.Write(pieces.data(), static_cast<int>(pieces.size()));
    REQUIRE(Worked(written));
    sent += written.bytes;
  }
  void Read(Transport& to) {
    std::vector<uint8_t> room(100'000);
    const IoResult read = to.Read(room.data(), room.size());
    REQUIRE(Worked(read));
    arrived.append(reinterpret_cast<char*>(room.data()), read.bytes);
  }
  bool done() const { return arrived.size() >= text.size() && sent == text.size(); }

  std::string text;
  size_t piece;
  size_t sent = 0;
  std::string arrived = {};
};

// Everything of `text`, from one end to the other.
std::string Carry(Transport& from, Transport& to, const std::string& text, size_t piece) {
  Flow flow{text, piece};
  while (!flow.done()) flow.Write(from), flow.Read(to);
  return flow.arrived;
}

TEST_CASE("what goes in comes out, in pieces of every size, through a socket that is too small") {
  Ends ends;
  Meet(ends);
  for (size_t piece : {1ul, 9ul, 511ul, 16'384ul, 16'385ul, 300'000ul}) {
    const std::string text = Pattern(piece < 100 ? 5'000 : 400'000);
    INFO("pieces of " << piece);
    CHECK(Carry(*ends.server.transport, *ends.client.transport, text, piece) == text);
    CHECK(Carry(*ends.client.transport, *ends.server.transport, text, piece) == text);
  }
}

TEST_CASE("both directions at the same time do not disturb each other") {
  Ends ends;
  Meet(ends);
  Transport &server = *ends.server.transport, &client = *ends.client.transport;
  Flow down{Pattern(400'000), 16'384}, up{Pattern(300'000), 1'000};
  while (!down.done() || !up.done()) {
    down.Write(server), up.Read(server);
    up.Write(client), down.Read(client);
  }
  CHECK(down.arrived == down.text);
  CHECK(up.arrived == up.text);
}

TEST_CASE("a reader that has no room for a record is told that there is more") {
  Ends ends;
  Meet(ends);
  std::string text = Pattern(100);
  iovec piece{text.data(), text.size()};
  REQUIRE(ends.client.transport->Write(&piece, 1).bytes == 100);
  uint8_t room[60];
  CHECK(ends.server.transport->Read(room, sizeof room).bytes == 60);
  CHECK(ends.server.transport->holds_input());
  CHECK(ends.server.transport->Read(room, sizeof room).bytes == 40);
  CHECK_FALSE(ends.server.transport->holds_input());
  CHECK(ends.server.transport->Read(room, sizeof room).kind == IoResult::Kind::kWouldBlock);
}

TEST_CASE("the end of one side is the end for the other, after what it said") {
  Ends ends;
  Meet(ends);
  std::string text = "last words";
  iovec piece{text.data(), text.size()};
  ends.client.transport->Write(&piece, 1);
  ends.client.transport.reset();
  uint8_t room[60];
  CHECK(ends.server.transport->Read(room, sizeof room).bytes == text.size());
  CHECK(ends.server.transport->Read(room, sizeof room).kind == IoResult::Kind::kEnd);
}

TEST_CASE("bytes that are no record end the connection with a reason, once what is good is read") {
  Ends ends;
  Meet(ends);
  std::string text = "good";
  iovec piece{text.data(), text.size()};
  ends.client.transport->Write(&piece, 1);
  const std::string garbage(100, 'x');
  REQUIRE(write(ends.client.transport->fd(), garbage.data(), garbage.size()) == 100);
  uint8_t room[60];
  CHECK(ends.server.transport->Read(room, sizeof room).bytes == 4);
  CHECK(ends.server.transport->holds_input());
  const IoResult broken = ends.server.transport->Read(room, sizeof room);
  CHECK(broken.kind == IoResult::Kind::kTlsError);
  CHECK(std::string(broken.text) == "wrong version number");
}

}  // namespace
}  // namespace praefect::net
