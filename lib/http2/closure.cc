#include "http2/closure.h"

#include <cstring>

namespace praefect::http2 {

std::string_view ConnectionClosure::reason() const {
  switch (kind) {
    case Kind::kDone:
      return "done";
    case Kind::kPeerClosed:
      return "peer_closed";
    case Kind::kIoError:
      return "io_error";
    case Kind::kTlsError:
      return "tls_error";
    case Kind::kRenegotiation:
      return "tls_renegotiation";
    case Kind::kProtocolError:
      return "protocol_error";
    case Kind::kHttp1:
      return "http1";
    case Kind::kTls:
      return "tls_on_plain_port";
    case Kind::kNotHttp2:
      return "not_http2";
    case Kind::kFlood:
      return "flood";
    case Kind::kLocal:
      return "closed_by_praefect";
    case Kind::kFrozen:
      return "frozen";
  }
  return "unknown";
}

ConnectionClosure ClosureOf(const net::IoResult& result) {
  switch (result.kind) {
    case net::IoResult::Kind::kTlsError:
      return {ConnectionClosure::Kind::kTlsError, result.text};
    case net::IoResult::Kind::kRenegotiation:
      return {ConnectionClosure::Kind::kRenegotiation, "the other side asked to renegotiate"};
    default:
      return {ConnectionClosure::Kind::kIoError, strerror(result.error)};
  }
}

}  // namespace praefect::http2
