#pragma once

// TLS contexts: what all connections of one kind have in common. Immutable; connections hold a
// reference, so that one may be replaced while connections that began with it go on.

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"

struct ssl_ctx_st;

namespace praefect::net {

struct SslContextDeleter {
  void operator()(ssl_ctx_st* context) const;
};
using SslContext = std::unique_ptr<ssl_ctx_st, SslContextDeleter>;

// What tls_listen_addr answers with: HTTP/2 (ALPN "h2"; a client that offers no protocol is taken
// for one that speaks it), no renegotiation, session tickets under keys of this context only.
class TlsServerContext {
 public:
  // Reads certificate and key. Fails naming the key of config.toml and the file; no message holds
  // anything of a key. An expired certificate is no failure: see Warning.
  static absl::StatusOr<std::shared_ptr<const TlsServerContext>> Make(const config::Tls& tls);

  // When the first certificate of the file becomes invalid; seconds since 1970.
  int64_t not_after() const { return not_after_; }
  // What is wrong with the certificate's dates at `now` (seconds since 1970); empty: nothing.
  std::string Warning(int64_t now) const;

  ssl_ctx_st* get() const { return context_.get(); }

 private:
  TlsServerContext() = default;
  SslContext context_;
  std::string certificate_path_;
  int64_t not_before_ = 0;
  int64_t not_after_ = 0;
};

// How nodes at tls:// are reached: trusted is what ReadTrustStore finds; the name (or IP address)
// of the configuration must be in the node's certificate.
class TlsClientContext {
 public:
  // Reads the trust store. `min_version`: config::Tls::min_version.
  static absl::StatusOr<std::shared_ptr<const TlsClientContext>> Make(
      const std::string& min_version);

  // The trusted certificates, for the gRPC library.
  const std::string& roots_pem() const { return roots_pem_; }
  // What of the trust store could not be read, for the log.
  const std::vector<std::string>& warnings() const { return warnings_; }

  ssl_ctx_st* get() const { return context_.get(); }

 private:
  TlsClientContext() = default;
  SslContext context_;
  std::string roots_pem_;
  std::vector<std::string> warnings_;
};

}  // namespace praefect::net
