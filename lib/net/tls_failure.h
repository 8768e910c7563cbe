#pragma once

// Why a handshake failed.

#include <string>
#include <string_view>

namespace praefect::net {

// What is known of a handshake that failed.
struct TlsEvidence {
  bool server = false;                   // our side
  int socket_error = 0;                  // errno
  bool ended = false;                    // the other side closed the connection
  int first_byte = -1;                   // of what it sent; -1: nothing
  unsigned long error = 0;               // OpenSSL's
  std::string_view refused_certificate;  // client side: why we refused it
  int certificate_error = 0;             // the same as X509_V_ERR_*
};

struct TlsFailure {
  // The label of a metric; one of "io_error", "peer_closed", "plain_client" (our side: server),
  // "not_tls" (client), "no_common_version", "no_common_cipher", "bad_alpn", "peer_alert",
  // "bad_certificate", "protocol_error"; "timeout" is said by others.
  std::string_view reason;
  std::string text;           // for people
  int certificate_error = 0;  // "bad_certificate": X509_V_ERR_*
};

TlsFailure Judge(const TlsEvidence& evidence);

}  // namespace praefect::net
