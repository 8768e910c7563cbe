#include "net/tls_callbacks.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <cerrno>

#include "net/certificate_text.h"
#include "net/tls_transport.h"

namespace praefect::net {
namespace {

TlsTransport& OwnerOf(BIO* bio) { return *static_cast<TlsTransport*>(BIO_get_data(bio)); }
TlsTransport& OwnerOf(const SSL* ssl) { return *static_cast<TlsTransport*>(SSL_get_app_data(ssl)); }

bool IsIpAddress(const std::string& host) {
  in6_addr parsed;
  return inet_pton(AF_INET, host.c_str(), &parsed) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &parsed) == 1;
}

}  // namespace

int TlsCallbacks::Read(BIO* bio, char* into, int size) {
  TlsTransport& owner = OwnerOf(bio);
  BIO_clear_retry_flags(bio);
  ssize_t n = -1;
  if (!owner.drained_) {
    do {
      n = recv(owner.fd_, into, static_cast<size_t>(size), 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      owner.socket_error_ = errno;
      return -1;
    }
    owner.drained_ = n < size;
  }
  if (n < 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  if (n == 0) owner.ended_ = true;
  if (n > 0 && owner.first_byte_ < 0) owner.first_byte_ = static_cast<unsigned char>(into[0]);
  return static_cast<int>(n);
}

int TlsCallbacks::Write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  OwnerOf(bio).Append(reinterpret_cast<const uint8_t*>(bytes), static_cast<size_t>(size));
  return size;
}

// OpenSSL answers a request to renegotiate with this alert, and would go on.
void TlsCallbacks::OnState(const SSL* ssl, int where, int value) {
  if (where == SSL_CB_WRITE_ALERT && (value & 0xff) == SSL_AD_NO_RENEGOTIATION) {
    OwnerOf(ssl).renegotiation_ = true;
  }
}

int TlsCallbacks::OnCertificate(int accepted, X509_STORE_CTX* store) {
  if (accepted == 1) return 1;
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  OwnerOf(ssl).certificate_failure_ = WhyRefused(store);
  OwnerOf(ssl).certificate_error_ = X509_STORE_CTX_get_error(store);
  return 0;
}

void TlsCallbacks::Install(ssl_ctx_st* context) { SSL_CTX_set_info_callback(context, OnState); }

void TlsCallbacks::Attach(ssl_st* ssl, TlsTransport& transport) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "praefect");
    BIO_meth_set_read(made, Read);
    BIO_meth_set_write(made, Write);
    BIO_meth_set_ctrl(made, [](BIO* bio, int what, long, void*) -> long {
      if (what == BIO_CTRL_EOF) return OwnerOf(bio).ended_ ? 1 : 0;
      return what == BIO_CTRL_FLUSH ? 1 : 0;
    });
    return made;
  }();
  BIO* bio = BIO_new(method);
  BIO_set_data(bio, &transport);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);  // which takes it
  SSL_set_app_data(ssl, &transport);
}

void TlsCallbacks::VerifyHost(ssl_st* ssl, const std::string& host) {
  SSL_set_connect_state(ssl);
  SSL_set_verify(ssl, SSL_VERIFY_PEER, OnCertificate);
  X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl);
  if (IsIpAddress(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str());
    return;
  }
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size());
  SSL_set_tlsext_host_name(ssl, host.c_str());  // an IP address must not stand there
}

}  // namespace praefect::net
