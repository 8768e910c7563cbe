#include "net/tls_error.h"

#include <openssl/err.h>

namespace praefect::net {

unsigned long DrainTlsErrors() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  return code;
}

const char* TlsErrorText(unsigned long code) {
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "an error that OpenSSL has no words for" : text;
}

}  // namespace praefect::net
