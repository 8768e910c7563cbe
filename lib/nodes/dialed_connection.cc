#include "nodes/dialed_connection.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "net/tls_transport.h"
#include "observe/mutex.h"

namespace praefect::nodes {
namespace {

// What the thread of a lookup and the one that waits for it share.
struct Lookup {
  observe::Mutex mutex;
  observe::Condition changed;
  bool done ABSL_GUARDED_BY(mutex) = false;
  int error ABSL_GUARDED_BY(mutex) = 0;
  std::vector<net::SocketAddress> found ABSL_GUARDED_BY(mutex);
};

void Run(const std::string& host, uint16_t port, Lookup& lookup) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &list);
  observe::MutexLock lock(lookup.mutex);
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    net::SocketAddress& address = lookup.found.emplace_back();
    memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.length = entry->ai_addrlen;
  }
  if (list != nullptr) freeaddrinfo(list);
  lookup.error = error;
  lookup.done = true;
  lookup.changed.NotifyAll();
}

absl::StatusOr<std::vector<net::SocketAddress>> ResolveName(const std::string& host, uint16_t port,
                                                            Deadline deadline) {
  const auto lookup = std::make_shared<Lookup>();
  std::thread([host, port, lookup] { Run(host, port, *lookup); }).detach();
  observe::MutexLock lock(lookup->mutex);
  while (!lookup->done) {
    if (!lookup->changed.WaitUntil(lock, deadline) && !lookup->done) {
      return absl::DeadlineExceededError("the resolver did not answer in time");
    }
  }
  if (lookup->error == 0) return lookup->found;
  const std::string text = gai_strerror(lookup->error);
  if (lookup->error == EAI_AGAIN) return absl::UnavailableError(text);
  return absl::NotFoundError(text);
}

constexpr size_t kFrameHeaderBytes = 9;  // length 24, type 8, flags 8, stream 32
constexpr char kSettingsType = 4;

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

absl::StatusOr<std::vector<net::SocketAddress>> Resolve(const config::Address& address,
                                                        Deadline deadline) {
  absl::StatusOr<net::SocketAddress> literal = net::FromLiteral(address);
  if (literal.ok()) return std::vector<net::SocketAddress>{*literal};
  if (literal.status().code() != absl::StatusCode::kNotFound) return literal.status();
  return ResolveName(address.host, address.port, deadline);
}

std::string ToString(const net::SocketAddress& address) {
  char host[NI_MAXHOST];
  if (address.family() == AF_UNIX || getnameinfo(address.get(), address.length, host, sizeof host,
                                                 nullptr, 0, NI_NUMERICHOST) != 0) {
    return "";
  }
  if (address.family() == AF_INET6) return absl::StrCat("[", host, "]:", address.port());
  return absl::StrCat(host, ":", address.port());
}

DialedConnection::DialedConnection(const net::SocketAddress& address, Deadline deadline)
    : deadline_(deadline), error_number_(Connect(address)) {}

int DialedConnection::Connect(const net::SocketAddress& address) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  transport_ = net::MakePlainTransport(fd, address.family() == AF_UNIX ? "unix" : "tcp");
  if (connect(fd, address.get(), address.length) == 0) return 0;
  if (errno != EINPROGRESS) return errno;  // EAGAIN: the queue of a unix socket is full
  if (!WaitFor(fd, POLLOUT)) return ETIMEDOUT;
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

bool DialedConnection::WaitFor(int fd, short events) const {
  using std::chrono::milliseconds;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - Deadline::clock::now());
    pollfd watched{fd, events, 0};
    const int wait_ms = static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
    if (poll(&watched, 1, wait_ms) > 0) return true;
    if (left <= milliseconds(0)) return false;
  }
}

std::optional<net::TlsFailure> DialedConnection::Encrypt(
    std::shared_ptr<const net::TlsClientContext> context, const std::string& host) {
  using Step = net::TlsTransport::Step;
  // The plain transport closes its own descriptor.
  const int fd = fcntl(transport_->fd(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return net::TlsFailure{"io_error", strerror(errno)};
  auto tls = net::TlsTransport::Connect(fd, std::move(context), host);
  for (Step step = tls->Handshake(); step != Step::kDone; step = tls->Handshake()) {
    if (step == Step::kFailed) return tls->failure();
    if (!WaitFor(fd, step == Step::kWantsRead ? POLLIN : POLLOUT)) {
      return net::TlsFailure{"timeout", "no answer to the TLS handshake"};
    }
  }
  certificate_not_after_ = tls->peer_not_after();
  transport_ = std::move(tls);
  return std::nullopt;
}

int64_t DialedConnection::certificate_not_after() const { return certificate_not_after_; }

DialedConnection::Outcome DialedConnection::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    const net::IoResult result = transport_->Write(&piece, 1);
    if (result.kind == net::IoResult::Kind::kOk) {
      bytes.remove_prefix(result.bytes);
    } else if (result.kind != net::IoResult::Kind::kWouldBlock) {
      return Outcome::kClosed;
    } else if (!WaitFor(transport_->fd(), POLLOUT)) {
      return Outcome::kTimeout;
    }
  }
  return Outcome::kDone;
}

DialedConnection::Outcome DialedConnection::Read(std::string& out) {
  for (;;) {
    uint8_t bytes[16 << 10];
    const net::IoResult result = transport_->Read(bytes, sizeof bytes);
    if (result.kind == net::IoResult::Kind::kOk) {
      out.append(reinterpret_cast<const char*>(bytes), result.bytes);
      return Outcome::kDone;
    }
    if (result.kind != net::IoResult::Kind::kWouldBlock) return Outcome::kClosed;
    if (!WaitFor(transport_->fd(), POLLIN)) return Outcome::kTimeout;
  }
}

Greeting JudgeGreeting(std::string_view first_bytes) {
  if (first_bytes.empty()) return Greeting::kClosed;
  if (StartsWith(first_bytes, "HTTP/1.")) return Greeting::kHttp1;
  const char kind = first_bytes[0];  // of a TLS record: 0x15 is an alert, 0x16 a handshake
  if ((kind == 0x15 || kind == 0x16) && first_bytes.substr(1, 1) == "\x03") return Greeting::kTls;
  const bool settings = first_bytes.size() >= kFrameHeaderBytes &&
                        first_bytes[3] == kSettingsType &&
                        first_bytes.substr(5, 4) == std::string_view("\0\0\0\0", 4);
  return settings ? Greeting::kHttp2 : Greeting::kOther;
}

Greeting Greet(DialedConnection& connection) {
  using Outcome = DialedConnection::Outcome;
  // What a peer said before it closed the connection can still be read.
  if (connection.Write(Http2Hello()) == Outcome::kTimeout) return Greeting::kSilent;
  std::string first;
  while (first.size() < kFrameHeaderBytes) {
    const Outcome outcome = connection.Read(first);
    if (outcome == Outcome::kTimeout && first.empty()) return Greeting::kSilent;
    if (outcome != Outcome::kDone) break;
  }
  return JudgeGreeting(first);
}

std::string_view Http2Hello() {
  static constexpr char kHello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
  return {kHello, sizeof kHello};  // the literal's final zero is the frame's last byte
}

}  // namespace praefect::nodes
