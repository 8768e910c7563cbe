#pragma once

// A stream of a connection, as a call sees it. What connection.h says of threads and callbacks
// holds here too.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "http2/buffer.h"
#include "http2/error_code.h"
#include "http2/header_rules.h"
#include "http2/headers.h"
#include "http2/pooled.h"
#include "http2/schedule.h"
#include "http2/send_gate.h"

namespace praefect::http2 {

class Connection;

// How a stream ended.
struct StreamClosure {
  bool connection_lost = false;
  uint32_t error_code = kNoError;  // of RST_STREAM; kNoError after a regular end
  // The peer provably never took the stream: REFUSED_STREAM, a GOAWAY below it, or no byte of its
  // HEADERS was handed to the socket (truth model, 2.5).
  bool never_taken = false;
  std::string cause;  // for people, when the connection was lost
};

// Told what happens on one stream. After OnClosed, and after Stream::Reset, nothing more comes and
// the stream must not be touched.
class StreamListener {
 public:
  // The response's headers (1xx are skipped). `end`: the peer sends nothing more, OnEnd does not
  // come.
  virtual void OnHeaders(HeaderList headers, bool end) = 0;
  virtual void OnData(Slice data) = 0;
  // The peer sent everything. `trailers` may be empty.
  virtual void OnEnd(HeaderList trailers) = 0;
  // `bytes` of SendData have entered the connection's output.
  virtual void OnDrained(size_t bytes) = 0;
  virtual void OnClosed(const StreamClosure& closure) = 0;

 protected:
  ~StreamListener() = default;
};

// Owned by its connection.
class Stream : private Turn, public Pooled<Stream> {
 public:
  void SetListener(StreamListener& listener) { listener_ = &listener; }

  // Server side: the response's headers; with `end` they are all there is (a trailers-only answer).
  void SendHeaders(HeaderList headers, bool end);
  // Queues; the caller bounds what it queues by the credit it gives the other side.
  void SendData(Slice data);
  void SendEnd();                          // END_STREAM after the data
  void SendTrailers(HeaderList trailers);  // trailers and END_STREAM after the data

  // The peer may send `bytes` more on this stream.
  void Credit(size_t bytes);
  // Enlarges the receive window for good.
  void GrowWindow(uint32_t bytes);
  // RST_STREAM; forgets the listener and what is queued.
  void Reset(uint32_t error_code);
  // What SendData queued and the output has not taken.
  SliceQueue TakeUnsent() { return std::exchange(output_, SliceQueue()); }
  void DropUnsent() { output_.Clear(); }

  size_t queued_bytes() const { return output_.bytes(); }
  bool peer_ended() const { return peer_ended_; }
  uint32_t id() const { return id_; }  // 0: it is not opened yet
  Connection& connection() { return connection_; }

 private:
  friend class Connection;
  static constexpr uint64_t kNotSent = ~uint64_t{0};
  Stream(Connection& connection, uint32_t id);

  Connection& connection_;
  StreamListener* listener_ = nullptr;
  uint32_t id_;               // 0: not opened yet, for want of a turn
  bool closed_ = false;       // it is only freed at the end of the round
  bool got_headers_ = false;  // the request, or the final response headers
  bool peer_ended_ = false;
  bool has_headers_ = false;   // of ours, to be sent first
  bool output_ended_ = false;  // SendEnd or SendTrailers was called
  bool end_sent_ = false;      // END_STREAM

  std::shared_ptr<const SendGate> gate_;
  HeaderList sent_headers_;
  HeaderList sent_trailers_;
  SliceQueue output_;
  uint64_t headers_offset_ = kNotSent;  // where HEADERS begin in the connection's output
  size_t drained_bytes_ = 0;            // since the last sweep

  int64_t send_window_;
  int64_t receive_window_;  // what the peer may still send
  uint32_t receive_limit_;  // what receive_window_ began with
  uint64_t credit_ = 0;     // given by the listener, not told to the peer yet
  int64_t content_left_ = HeaderRules::kNoLength;  // of what content-length promised
  Stream* previous_ = nullptr;
  Stream* next_ = nullptr;
};

}  // namespace praefect::http2
