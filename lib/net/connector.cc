#include "net/connector.h"

#include <absl/strings/str_cat.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace praefect::net {
namespace {

// A dead peer is found by the kernel, not by HTTP/2 PINGs, which Gitaly before 13.1 answers with
// GOAWAY (too_many_pings): idle connections are probed after 20 s, unacknowledged data fails a
// connection after 30 s.
void TuneTcp(int fd) {
  auto set = [fd](int level, int name, int value) {
    setsockopt(fd, level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 20);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
}

}  // namespace

struct Connector::Lookup {
  uv_getaddrinfo_t request;
  Connector* owner;  // nullptr once nobody waits
};

Connector::Connector(EventLoop& loop, config::Address address, int64_t timeout_ms,
                     Callback callback, std::shared_ptr<const TlsClientContext> tls)
    : loop_(loop),
      address_(std::move(address)),
      timeout_ms_(timeout_ms),
      callback_(std::move(callback)),
      tls_(std::move(tls)),
      begin_(loop, [this] { Begin(); }),
      timeout_(loop, [this] {
        Fail(
            absl::DeadlineExceededError(absl::StrCat("no connection within ", timeout_ms_, " ms")));
      }) {
  begin_.Start(0);
  timeout_.Start(timeout_ms);
}

Connector::~Connector() {
  CloseSocket();
  if (lookup_ != nullptr) {
    lookup_->owner = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(&lookup_->request));
  }
}

void Connector::Begin() {
  if (auto literal = FromLiteral(address_); literal.ok()) {
    candidates_.push_back(*literal);
    return TryNext();
  } else if (!absl::IsNotFound(literal.status())) {
    return Fail(literal.status());
  }
  lookup_ = new Lookup{{}, this};
  lookup_->request.data = lookup_;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  auto done = [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
    std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(request->data));
    if (Connector* owner = lookup->owner; owner != nullptr) {
      owner->lookup_ = nullptr;
      for (addrinfo* a = found; a != nullptr; a = a->ai_next) {
        SocketAddress candidate;
        memcpy(&candidate.storage, a->ai_addr, a->ai_addrlen);
        candidate.length = a->ai_addrlen;
        owner->candidates_.insert(owner->candidates_.begin(), candidate);
      }
      if (status == 0) {
        owner->TryNext();
      } else {
        owner->Fail(absl::NotFoundError(
            absl::StrCat("cannot resolve \"", owner->address_.host, "\": ", uv_strerror(status))));
      }
    }
    uv_freeaddrinfo(found);
  };
  int error = uv_getaddrinfo(loop_.uv(), &lookup_->request, done, address_.host.c_str(),
                             absl::StrCat(address_.port).c_str(), &hints);
  if (error != 0) {
    delete lookup_;
    lookup_ = nullptr;
    Fail(absl::InternalError(absl::StrCat("cannot start name resolution: ", uv_strerror(error))));
  }
}

void Connector::TryNext() {
  CloseSocket();
  while (!candidates_.empty()) {
    SocketAddress candidate = candidates_.back();
    candidates_.pop_back();
    fd_ = socket(candidate.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) {
      last_error_ = absl::ErrnoToStatus(errno, "make a socket");
      continue;
    }
    if (candidate.family() != AF_UNIX) TuneTcp(fd_);
    if (connect(fd_, candidate.get(), candidate.length) == 0) return Encrypt();
    if (errno == EINPROGRESS) {
      watcher_ = std::make_unique<Watcher>(loop_, fd_, [this](bool r, bool w) { Connected(r, w); });
      watcher_->Want(false, true);
      return;
    }
    last_error_ = absl::UnavailableError(strerror(errno));
    CloseSocket();
  }
  Fail(last_error_);
}

void Connector::Connected(bool, bool) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error == 0) return Encrypt();
  last_error_ = absl::UnavailableError(strerror(error));
  TryNext();
}

void Connector::Fail(absl::Status status) {
  CloseSocket();
  handshake_.reset();
  begin_.Stop();
  timeout_.Stop();
  auto callback = std::move(callback_);
  callback(std::move(status));
}

// Where the address says so.
void Connector::Encrypt() {
  watcher_.reset();
  const int fd = std::exchange(fd_, -1);
  if (address_.kind != config::Address::Kind::kTls) {
    return Succeed(
        MakePlainTransport(fd, address_.kind == config::Address::Kind::kUnix ? "unix" : "tcp"));
  }
  handshake_ = std::make_unique<TlsHandshake>(
      loop_, TlsTransport::Connect(fd, tls_, address_.host), timeout_ms_,
      [this](TlsHandshake::Result result) { Encrypted(std::move(result)); });
}

void Connector::Encrypted(TlsHandshake::Result result) {
  handshake_.reset();
  if (result.transport != nullptr) return Succeed(std::move(result.transport));
  last_error_ = absl::FailedPreconditionError(result.error);
  TryNext();
}

void Connector::Succeed(std::unique_ptr<Transport> transport) {
  timeout_.Stop();
  auto callback = std::move(callback_);
  callback(std::move(transport));
}

void Connector::CloseSocket() {
  watcher_.reset();
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace praefect::net
