#pragma once

// One HTTP/2 connection of the benchmark's own client or server, cleartext or TLS: nghttp2 with as
// little around it as possible, so that the proxy in the middle is what gets measured.

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "relay/body.h"
#include "relay/poller.h"

namespace praefect::bench {

// What every stream has; derived for what a side keeps of its own. Owned by whoever derives.
struct EndpointStream {
  int32_t id = -1;
  Outgoing out;
  // Sent after the body instead of END_STREAM; they must outlive the stream.
  const nghttp2_nv* trailers = nullptr;
  size_t trailer_count = 0;
};

struct EndpointOptions {
  uint32_t stream_window = 1 << 20;      // bytes
  uint32_t connection_window = 4 << 20;  // bytes
  // Stream credit is given by Credit() alone.
  bool manual_credit = false;
};

class Endpoint : public Poller::Handler {
 public:
  enum class Side { kServer, kClient };
  // Takes `fd`, connected. `tls` may be null.
  Endpoint(Poller& poller, int fd, SSL_CTX* tls, Side side, const EndpointOptions& options);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // Sends what there is to be sent. Done at the end of OnReady, too.
  void Flush();
  void Resume(EndpointStream& stream) { nghttp2_session_resume_data(session_, stream.id); }
  void Credit(EndpointStream& stream, size_t bytes) {
    nghttp2_session_consume_stream(session_, stream.id, bytes);
  }
  bool broken() const { return !broken_because_.empty(); }
  const std::string& broken_because() const { return broken_because_; }

  void OnReady(bool readable, bool writable) override;

 protected:
  // Client side: a stream begins; nghttp2 copies fields that have no NO_COPY flag.
  void Open(EndpointStream& stream, const nghttp2_nv* fields, size_t count);
  // Server side: headers, then stream.out.
  void Answer(EndpointStream& stream, const nghttp2_nv* fields, size_t count);

  // Server side: a stream for a request that begins.
  virtual EndpointStream* OnRequest() { return nullptr; }
  virtual void OnHeader(EndpointStream& stream, std::string_view name, std::string_view value) = 0;
  virtual void OnData(EndpointStream& stream, const uint8_t* data, size_t size) = 0;
  virtual void OnEnd(EndpointStream& stream) = 0;
  // Not called for what is open when the connection breaks or is destroyed.
  virtual void OnClosed(EndpointStream& stream, uint32_t error_code) = 0;
  virtual void OnBroken() = 0;

 private:
  struct Callbacks;
  void Read();
  bool Receive(const uint8_t* data, size_t size);
  bool Fill();   // the empty output, from the session
  bool Write();  // the output; false when the socket takes no more
  void Break(std::string why);

  Poller& poller_;
  const int fd_;
  SSL* const ssl_;
  const bool manual_credit_;
  nghttp2_session* session_ = nullptr;
  std::string output_;
  size_t written_ = 0;  // of output_
  bool wants_writable_ = false;
  std::string broken_because_;
};

}  // namespace praefect::bench
