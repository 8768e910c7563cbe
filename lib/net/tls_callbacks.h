#pragma once

// What OpenSSL calls in the course of a TlsTransport. Internal to lib/net.

#include <string>

struct bio_st;
struct ssl_ctx_st;
struct ssl_st;
struct x509_store_ctx_st;

namespace praefect::net {

class TlsTransport;

struct TlsCallbacks {
  // For every connection of `context`.
  static void Install(ssl_ctx_st* context);
  // Puts `transport` under `ssl`, as its socket.
  static void Attach(ssl_st* ssl, TlsTransport& transport);
  // Client side: asks for a certificate that is valid and has `host` (a name or an IP address).
  static void VerifyHost(ssl_st* ssl, const std::string& host);

  static int Read(bio_st* bio, char* into, int size);
  static int Write(bio_st* bio, const char* bytes, int size);
  static void OnState(const ssl_st* ssl, int where, int value);
  static int OnCertificate(int accepted, x509_store_ctx_st* store);
};

}  // namespace praefect::net
