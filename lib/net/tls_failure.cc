#include "net/tls_failure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>

#include <cstring>

#include "net/tls_error.h"

namespace praefect::net {
namespace {

constexpr int kHandshakeRecord = 0x16;
constexpr int kAlertRecord = 0x15;

bool SpeaksTls(const TlsEvidence& evidence) {
  if (evidence.first_byte < 0 || evidence.first_byte == kHandshakeRecord) return true;
  return !evidence.server && evidence.first_byte == kAlertRecord;
}

std::string_view ReasonOf(int reason) {
  if (reason >= SSL_AD_REASON_OFFSET) return "peer_alert";
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_INAPPROPRIATE_FALLBACK:
      return "no_common_version";
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
      return "no_common_cipher";
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return "bad_alpn";
    default:
      return "protocol_error";
  }
}

}  // namespace

TlsFailure Judge(const TlsEvidence& evidence) {
  const bool server = evidence.server;
  if (evidence.socket_error != 0) return {"io_error", strerror(evidence.socket_error)};
  if (!evidence.refused_certificate.empty()) {
    return {"bad_certificate", std::string(evidence.refused_certificate),
            evidence.certificate_error};
  }
  if (!SpeaksTls(evidence)) {
    return {server ? "plain_client" : "not_tls",
            server ? "the first byte is not TLS: this port takes TLS only"
                   : "the node answers without TLS; is its address tcp://, or is this "
                     "another port than its tls_listen_addr?"};
  }
  if (evidence.ended) {
    return {"peer_closed", server ? "the client closed the connection during the TLS handshake"
                                  : "the node closed the connection during the TLS handshake; does "
                                    "it speak TLS on this port?"};
  }
  const std::string_view reason = ReasonOf(ERR_GET_REASON(evidence.error));
  std::string text = server ? "TLS handshake: " : "TLS handshake with the node: ";
  return {reason, text + TlsErrorText(evidence.error)};
}

}  // namespace praefect::net
