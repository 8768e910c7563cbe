#pragma once

// TLS over a connected socket: first a handshake, then a Transport.
//
// OpenSSL writes into a buffer of ours, never to the socket. So nothing it does ever waits for the
// socket to become writable in the middle of a read, and several records leave with one system
// call. A connection that has nothing to send or receive holds no buffer.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/tls.h"
#include "net/tls_failure.h"
#include "net/transport.h"

struct ssl_st;

namespace praefect::net {

class TlsTransport final : public Transport {
 public:
  // Both take ownership of `fd`, a connected and non-blocking stream socket.
  static std::unique_ptr<TlsTransport> Accept(int fd,
                                              std::shared_ptr<const TlsServerContext> context);
  // `host`: the name or IP address that the certificate must have.
  static std::unique_ptr<TlsTransport> Connect(int fd,
                                               std::shared_ptr<const TlsClientContext> context,
                                               const std::string& host);
  ~TlsTransport() override;  // says close_notify when that does not have to wait
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;

  // Goes on with the handshake as far as the socket allows. After kDone it is a Transport.
  enum class Step { kDone, kWantsRead, kWantsWrite, kFailed };
  Step Handshake();
  bool resumed() const;
  bool server() const { return server_; }
  // When the other side's certificate expires, seconds since 1970; 0 before the handshake's end.
  int64_t peer_not_after() const;
  const TlsFailure& failure() const { return failure_; }  // after kFailed

  IoResult Read(uint8_t* into, size_t size) override;
  IoResult Write(const iovec* pieces, int count) override;
  int fd() const override { return fd_; }
  const char* kind() const override { return "tls"; }

 private:
  friend struct TlsCallbacks;  // OpenSSL's side
  struct Sealed {              // a record, or several, that hold data of the caller
    size_t end;                // offset in sealed_
    size_t plain;              // bytes of the caller's
  };

  TlsTransport(int fd, std::shared_ptr<const void> context, ssl_ctx_st* raw, bool server);
  void Explain();
  void Append(const uint8_t* bytes, size_t size);
  IoResult WhyNothing(int result);
  bool Seal(const uint8_t* bytes, size_t size);
  IoResult Flush();
  bool unsent() const { return sealed_sent_ < sealed_.size(); }

  const int fd_;
  const bool server_;
  const std::shared_ptr<const void> context_;
  ssl_st* ssl_ = nullptr;

  std::vector<uint8_t> sealed_;  // for the socket; its storage is lent by the thread
  size_t sealed_sent_ = 0;       // bytes of sealed_ that the socket took
  std::vector<Sealed> records_;  // of sealed_, those whose plain bytes are not reported yet

  int first_byte_ = -1;   // of what the other side sent
  bool drained_ = false;  // the socket has given all that it had
  bool ended_ = false;    // the socket's end was read
  int socket_error_ = 0;  // errno
  bool established_ = false;
  bool renegotiation_ = false;
  IoResult broken_;  // what every call returns from now on, unless kOk

  std::string certificate_failure_;  // client side
  int certificate_error_ = 0;        // X509_V_ERR_*
  TlsFailure failure_;
};

}  // namespace praefect::net
