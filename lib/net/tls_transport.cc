#include "net/tls_transport.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "net/certificate_text.h"
#include "net/tls_callbacks.h"
#include "net/tls_error.h"

namespace praefect::net {
namespace {

constexpr size_t kRecordBytes = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr size_t kBatchBytes = 3 * kRecordBytes;  // sealed: the record that exceeds it is the last
constexpr size_t kMaxUnsentBytes = 256 << 10;     // sealed, of a peer that asks and never reads

// Lent to the transport that writes just now, given back once the socket took everything.
thread_local std::vector<uint8_t> spare_buffer;
thread_local std::array<uint8_t, kRecordBytes> gathered;

// What is left of the caller's pieces.
class Pieces {
 public:
  Pieces(const iovec* pieces, int count) : next_(pieces), end_(pieces + count) { SkipEmpty(); }
  bool empty() const { return next_ == end_; }

  // At most one record's worth; small pieces are put together. Valid until the next call.
  std::pair<const uint8_t*, size_t> Take() {
    if (left() >= kRecordBytes) return Advance(kRecordBytes);
    size_t size = 0;
    while (!empty() && size < kRecordBytes) {
      auto [bytes, n] = Advance(std::min(left(), kRecordBytes - size));
      memcpy(gathered.data() + size, bytes, n);
      size += n;
    }
    return {gathered.data(), size};
  }

  void Skip(size_t n) {
    while (n > 0 && !empty()) n -= Advance(std::min(left(), n)).second;
  }

 private:
  size_t left() const { return next_->iov_len - offset_; }
  void SkipEmpty() {
    while (next_ != end_ && next_->iov_len == 0) next_++;
  }
  std::pair<const uint8_t*, size_t> Advance(size_t n) {
    const auto* bytes = static_cast<const uint8_t*>(next_->iov_base) + offset_;
    offset_ += n;
    if (offset_ == next_->iov_len) {
      next_++;
      offset_ = 0;
      SkipEmpty();
    }
    return {bytes, n};
  }

  const iovec* next_;
  const iovec* end_;
  size_t offset_ = 0;
};

bool ChoseH2(const SSL* ssl) {
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &chosen, &size);
  return std::string_view(reinterpret_cast<const char*>(chosen), size) == "h2";
}

IoResult TlsError(const char* text) { return {IoResult::Kind::kTlsError, 0, 0, text}; }

}  // namespace

TlsTransport::TlsTransport(int fd, std::shared_ptr<const void> context, ssl_ctx_st* raw,
                           bool server)
    : fd_(fd), server_(server), context_(std::move(context)), ssl_(SSL_new(raw)) {
  fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
  if (ssl_ == nullptr) {  // out of memory
    DrainTlsErrors();
    broken_ = TlsError("OpenSSL has no memory for a connection");
    return;
  }
  TlsCallbacks::Attach(ssl_, *this);
}

std::unique_ptr<TlsTransport> TlsTransport::Accept(
    int fd, std::shared_ptr<const TlsServerContext> context) {
  ssl_ctx_st* raw = context->get();
  std::unique_ptr<TlsTransport> result(new TlsTransport(fd, std::move(context), raw, true));
  if (result->ssl_ != nullptr) SSL_set_accept_state(result->ssl_);
  return result;
}

std::unique_ptr<TlsTransport> TlsTransport::Connect(int fd,
                                                    std::shared_ptr<const TlsClientContext> context,
                                                    const std::string& host) {
  ssl_ctx_st* raw = context->get();
  std::unique_ptr<TlsTransport> result(new TlsTransport(fd, std::move(context), raw, false));
  if (result->ssl_ != nullptr) TlsCallbacks::VerifyHost(result->ssl_, host);
  return result;
}

TlsTransport::~TlsTransport() {
  if (established_ && broken_.kind == IoResult::Kind::kOk && !unsent()) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
    Flush();
  }
  SSL_free(ssl_);
  DrainTlsErrors();
  close(fd_);
}

bool TlsTransport::resumed() const { return ssl_ != nullptr && SSL_session_reused(ssl_) == 1; }

int64_t TlsTransport::peer_not_after() const {
  const X509* certificate = established_ ? SSL_get0_peer_certificate(ssl_) : nullptr;
  return certificate == nullptr ? 0 : ToUnixSeconds(X509_get0_notAfter(certificate));
}

TlsTransport::Step TlsTransport::Handshake() {
  if (broken_.kind != IoResult::Kind::kOk) {
    failure_ = {"protocol_error", broken_.text};
    return Step::kFailed;
  }
  ERR_clear_error();
  drained_ = false;
  const int result = established_ ? 1 : SSL_do_handshake(ssl_);
  const bool waits = result != 1 && SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ;
  bool failed = result != 1 && !waits;
  if (failed) Explain();
  const IoResult flushed = Flush();  // an alert, too
  if (!failed && flushed.kind == IoResult::Kind::kError) {
    failed = true;
    Explain();
  }
  if (failed) return Step::kFailed;
  if (unsent()) {
    established_ = result == 1;
    return Step::kWantsWrite;
  }
  if (waits) return Step::kWantsRead;
  established_ = true;
  if (!server_ && !ChoseH2(ssl_)) {
    failure_ = {"bad_alpn", "the node's TLS does not offer HTTP/2 (ALPN h2); is Gitaly behind it?"};
    return Step::kFailed;
  }
  holds_input_ = SSL_has_pending(ssl_) == 1;  // what came behind the end of the handshake
  return Step::kDone;
}

void TlsTransport::Explain() {
  TlsEvidence evidence;
  evidence.server = server_;
  evidence.socket_error = socket_error_;
  evidence.ended = ended_;
  evidence.first_byte = first_byte_;
  evidence.error = DrainTlsErrors();
  evidence.refused_certificate = certificate_failure_;
  evidence.certificate_error = certificate_error_;
  failure_ = Judge(evidence);
}

IoResult TlsTransport::Read(uint8_t* into, size_t size) {
  holds_input_ = false;
  if (broken_.kind != IoResult::Kind::kOk) return broken_;
  ERR_clear_error();
  drained_ = false;
  size_t total = 0;
  while (total < size) {
    size_t n = 0;
    const int result = SSL_read_ex(ssl_, into + total, size - total, &n);
    if (renegotiation_) {
      broken_.kind = IoResult::Kind::kRenegotiation;
      break;
    }
    if (result != 1) {
      const IoResult why = WhyNothing(result);
      if (why.kind != IoResult::Kind::kWouldBlock) broken_ = why;
      break;
    }
    total += n;
  }
  // An answer to what came; behind bytes of the caller's it leaves with the Write that they wait
  // for.
  if (unsent() && records_.empty()) Flush();
  if (sealed_.size() - sealed_sent_ > kMaxUnsentBytes) {
    broken_ = TlsError("the other side asks for more and more and reads nothing");
  }
  if (total == 0 && broken_.kind != IoResult::Kind::kOk) return broken_;
  holds_input_ =
      broken_.kind != IoResult::Kind::kOk || (total == size && SSL_has_pending(ssl_) == 1);
  if (total == 0) return {IoResult::Kind::kWouldBlock};
  return {IoResult::Kind::kOk, total};
}

// Of a read that gave nothing.
IoResult TlsTransport::WhyNothing(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return {IoResult::Kind::kWouldBlock};
    case SSL_ERROR_ZERO_RETURN:
      return {IoResult::Kind::kEnd};
    default:
      break;
  }
  const unsigned long error = DrainTlsErrors();
  if (socket_error_ != 0) return {IoResult::Kind::kError, 0, socket_error_};
  if (ended_) return {IoResult::Kind::kEnd};
  return TlsError(TlsErrorText(error));
}

IoResult TlsTransport::Write(const iovec* pieces, int count) {
  if (broken_.kind != IoResult::Kind::kOk) return broken_;
  Pieces rest(pieces, count);
  size_t written = 0;
  if (unsent()) {
    size_t sealed = 0;
    for (const Sealed& record : records_) sealed += record.plain;
    const IoResult flushed = Flush();
    if (flushed.kind != IoResult::Kind::kOk || unsent()) return flushed;
    written = sealed;
    rest.Skip(sealed);
  }
  while (!rest.empty()) {
    while (!rest.empty() && sealed_.size() < kBatchBytes) {
      auto [bytes, size] = rest.Take();
      if (!Seal(bytes, size)) return broken_;
    }
    const IoResult flushed = Flush();
    if (flushed.kind == IoResult::Kind::kOk) written += flushed.bytes;
    if (flushed.kind != IoResult::Kind::kOk && written == 0) return flushed;
    if (flushed.kind != IoResult::Kind::kOk || unsent()) break;
  }
  return {IoResult::Kind::kOk, written};
}

bool TlsTransport::Seal(const uint8_t* bytes, size_t size) {
  ERR_clear_error();
  size_t taken = 0;
  if (SSL_write_ex(ssl_, bytes, size, &taken) != 1) {
    broken_ = TlsError(TlsErrorText(DrainTlsErrors()));
    return false;
  }
  records_.push_back({sealed_.size(), taken});
  return true;
}

void TlsTransport::Append(const uint8_t* bytes, size_t size) {
  if (sealed_.capacity() == 0) sealed_.swap(spare_buffer);
  sealed_.insert(sealed_.end(), bytes, bytes + size);
}

// kOk tells how many bytes of the caller's the socket has now taken for good. A record that left in
// part cannot be read by anybody, so its bytes are not among them.
IoResult TlsTransport::Flush() {
  while (unsent() && socket_error_ == 0) {
    const ssize_t n =
        send(fd_, sealed_.data() + sealed_sent_, sealed_.size() - sealed_sent_, MSG_NOSIGNAL);
    if (n >= 0) {
      sealed_sent_ += static_cast<size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      socket_error_ = errno;
    }
  }
  size_t reported = 0;
  auto record = records_.begin();
  for (; record != records_.end() && record->end <= sealed_sent_; ++record) {
    reported += record->plain;
  }
  records_.erase(records_.begin(), record);
  if (!unsent()) {
    sealed_.clear();
    sealed_sent_ = 0;
    if (spare_buffer.capacity() < sealed_.capacity()) spare_buffer.swap(sealed_);
    std::vector<uint8_t>().swap(sealed_);
  }
  if (reported > 0) return {IoResult::Kind::kOk, reported};
  if (socket_error_ != 0) return {IoResult::Kind::kError, 0, socket_error_};
  return {unsent() ? IoResult::Kind::kWouldBlock : IoResult::Kind::kOk};
}

}  // namespace praefect::net
