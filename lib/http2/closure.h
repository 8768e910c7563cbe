#pragma once

// How connections end.

#include <string>
#include <string_view>

#include "net/transport.h"

namespace praefect::http2 {

// Why a connection ended.
struct ConnectionClosure {
  enum class Kind {
    kDone,        // both sides had nothing left to say
    kPeerClosed,  // end of the byte stream
    kIoError,
    kTlsError,       // a record or an alert that ends the connection
    kRenegotiation,  // TLS: asked for what is switched off
    kProtocolError,
    kHttp1,     // the first bytes were an HTTP/1 request; it was answered with 400
    kTls,       // the first bytes were a TLS handshake
    kNotHttp2,  // the first bytes were something else
    kFlood,     // a rate of FloodLimits was exceeded
    kLocal,     // Close()
    kFrozen,    // it left a PING unanswered for too long
  };
  Kind kind = Kind::kDone;
  std::string cause;  // for people
  // Which limit the other side hit: "resets", "pings", "settings", "empty_frames",
  // "headers", "queued_frames"; empty: none.
  std::string_view limit = {};
  // Short, for a metric label.
  std::string_view reason() const;
};

// That of a transport that failed.
ConnectionClosure ClosureOf(const net::IoResult& result);

}  // namespace praefect::http2
