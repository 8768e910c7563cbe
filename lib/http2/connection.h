#pragma once

// One HTTP/2 connection, either side of it, and its streams. The only code that knows nghttp2.
//
// Flow control: the credit of the *connection* is given back when bytes arrive, the credit of a
// *stream* only when its listener says so (Stream::Credit). One reader that stalls therefore stops
// its own stream and nobody else's.
//
// Everything is for the thread of the loop. What is sent during a round leaves at its end, with one
// system call. Listeners may call anything on any stream or connection from inside a callback, but
// must not destroy a connection there, except from Owner::OnClosed.

#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http2/buffer.h"
#include "http2/closure.h"
#include "http2/flood.h"
#include "http2/gated_output.h"
#include "http2/headers.h"
#include "http2/keepalive.h"
#include "http2/send_gate.h"
#include "net/event_loop.h"
#include "net/transport.h"

struct nghttp2_session;

namespace praefect::http2 {

class Connection;
class Stream;
struct Callbacks;   // nghttp2's side, callbacks.h
struct FieldArray;  // likewise

// Error codes of RFC 9113, section 7, that others than nghttp2 name.
inline constexpr uint32_t kNoError = 0x0;
inline constexpr uint32_t kProtocolError = 0x1;
inline constexpr uint32_t kInternalError = 0x2;
inline constexpr uint32_t kRefusedStream = 0x7;
inline constexpr uint32_t kCancel = 0x8;
inline constexpr uint32_t kEnhanceYourCalm = 0xb;

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
class Stream {
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
  // What SendData queued and the output has not taken. For OnClosed: an open stream may have
  // promised some of it to a frame.
  SliceQueue TakeUnsent();
  // Drops it, but for what a frame that waits for room in the output was promised.
  void DropUnsent();

  size_t queued_bytes() const { return output_.bytes(); }
  bool peer_ended() const { return peer_ended_; }
  int32_t id() const { return id_; }
  Connection& connection() { return connection_; }

 private:
  friend class Connection;
  friend struct Callbacks;
  static constexpr uint64_t kNotSent = ~uint64_t{0};
  explicit Stream(Connection& connection) : connection_(connection) {}
  void Resume();
  void SubmitTrailers();

  Connection& connection_;
  StreamListener* listener_ = nullptr;
  int32_t id_ = -1;
  HeaderList received_;      // being collected
  HeaderList sent_headers_;  // nghttp2 refers to them until they are sent
  HeaderList sent_trailers_;
  SliceQueue output_;
  size_t promised_ = 0;  // bytes of output_ that the DATA frame under way will take
  size_t received_bytes_ = 0;
  bool headers_too_large_ = false;
  bool got_headers_ = false;  // client side: the final response headers
  bool peer_ended_ = false;
  bool output_ended_ = false;  // SendEnd or SendTrailers was called
  bool trailers_submitted_ = false;
  bool deferred_ = false;  // nghttp2 waits to be told that there is data
  bool drained_since_sweep_ = false;
  std::shared_ptr<const SendGate> gate_;
  uint64_t headers_offset_ = kNotSent;  // where HEADERS begin in the connection's output
  Stream* previous_ = nullptr;
  Stream* next_ = nullptr;
};

struct ConnectionOptions {
  uint32_t stream_window = 256 << 10;        // bytes, each stream's initial receive window
  uint32_t connection_window = 8 << 20;      // bytes
  uint32_t max_concurrent_streams = 10'000;  // that the peer may open; server side
  uint32_t max_header_list_bytes = 64 << 10;
  uint32_t max_header_fields = 256;     // of one block
  size_t max_output_bytes = 512 << 10;  // queued for the socket before streams wait
  // Client side: a peer that leaves a PING unanswered for so long while calls are open is frozen,
  // and the connection is closed. 0: it is never asked.
  int64_t keepalive_timeout_ms = 0;
  FloodLimits floods;
};

class Connection final : public net::RoundEndTask {
 public:
  // DATA without a byte, from one client; nobody who speaks gRPC sends any but the last of a
  // stream.
  static constexpr uint32_t kMaxEmptyFramesPerSecond = 100;

  enum class Side { kServer, kClient };

  class Owner {
   public:
    // Server side: a request. Must set the stream's listener, or answer or reset the stream.
    // `too_large`: `headers` was cut at max_header_fields or max_header_list_bytes.
    virtual void OnRequest(Stream& stream, HeaderList headers, bool end, bool too_large) = 0;
    // The peer takes no new streams; those that it still answers go on.
    virtual void OnGoaway(Connection& connection) = 0;
    // The last call. The connection may be destroyed inside. Streams were told before.
    virtual void OnClosed(Connection& connection, const ConnectionClosure& closure) = 0;

   protected:
    ~Owner() = default;
  };

  // `loop`, `buffers` and `owner` must outlive the connection.
  Connection(net::EventLoop& loop, Buffers& buffers, Owner& owner, Side side,
             std::unique_ptr<net::Transport> transport, const ConnectionOptions& options);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Client side: opens a stream. nullptr when the connection takes no more; open another one then.
  // With a gate, it begins when nothing else waits for the socket, and only if the gate lets it.
  Stream* Open(HeaderList headers, bool end, StreamListener& listener,
               std::shared_ptr<const SendGate> gate = nullptr);
  // Server side, two-step GOAWAY: tells the peer to open nothing more, and a round trip (at most 1
  // s) later that nothing more is accepted. A peer that has said nothing has as long to begin.
  // Client side: opens nothing more. The connection closes when its last stream has ended.
  void GracefulShutdown();
  // Ends it now: streams see a lost connection, OnClosed comes at the end of the round.
  void Close(std::string cause);
  void Ping(std::function<void()> acknowledged);
  // Calls back once the peer has acknowledged something that was sent after all resets until now;
  // never when the connection is lost before. By SETTINGS: Gitalys count PINGs, and give a
  // connection up after too many (see Keepalive).
  void ConfirmResets(std::function<void()> confirmed);
  // Client side: whether somebody else takes the peer for frozen; it is asked sooner then.
  void Suspect(bool suspected) { suspected_ = suspected; }

  bool usable() const { return !goaway_received_ && !closing_ && !out_of_ids_; }
  bool peer_spoke() const { return peer_settings_; }  // its SETTINGS have arrived
  uint64_t bytes_received() const { return bytes_received_; }
  // Server side: streams that the peer opened beyond max_concurrent_streams.
  uint64_t streams_refused() const { return streams_refused_; }
  const net::Transport& transport() const { return *transport_; }
  size_t output_bytes() const { return output_.bytes(); }

  void AtRoundEnd() override;

 private:
  friend class Stream;
  friend struct Callbacks;

  void StartSession();
  void SubmitSettings();
  void OnReadable();
  enum class ReadResult { kNothing, kShort, kFull };  // of the room that there was
  ReadResult ReadOnce();
  void ReadLastWords();
  void OnPreface(const uint8_t* bytes, size_t size);
  void Receive(const uint8_t* bytes, size_t size);
  void GiveUp(int error);
  size_t MaxFrames() const;
  void MarkDirty();
  void Pump();
  bool Submit(Stream& stream);
  void BeginGated();
  void SendConfirmation();
  bool Flush();
  void PutCopy(const uint8_t* bytes, size_t size);
  void PutFrame(const uint8_t* bytes, size_t size);
  void PutSlices(SliceQueue& from, size_t size);
  void Fail(ConnectionClosure closure);
  void Finish();
  std::atomic<int64_t>& open_streams() const;  // of the whole process, on this side
  Stream* NewStream();
  void FreeStream(Stream* stream);
  void LoseStreams();
  void GiveBackUnsent();
  void CompactStalled();
  void AnnounceShutdown();
  void EndShutdown();
  void OnGoawaySent();
  void LookForLife();
  void Flooded(std::string_view what, std::string_view limit);
  const FieldArray& ToFields(const HeaderList& headers);

  net::EventLoop& loop_;
  Buffers& buffers_;
  Owner& owner_;
  const Side side_;
  const ConnectionOptions options_;
  std::unique_ptr<net::Transport> transport_;
  nghttp2_session* session_ = nullptr;
  net::Watcher watcher_;
  net::Timer shutdown_timer_;  // second step of GracefulShutdown without an answer to its PING
  net::Timer sweep_timer_;     // looks for stalled streams while anything is queued
  net::Timer read_again_;      // for input that the transport holds

  Block* receiving_ = nullptr;  // what the transport is read into
  SliceQueue output_;
  uint64_t output_total_ = 0;   // bytes that ever entered output_
  uint64_t written_total_ = 0;  // bytes that the transport took
  uint64_t written_at_sweep_ = 0;
  uint64_t bytes_received_ = 0;
  uint64_t streams_refused_ = 0;

  Stream* streams_ = nullptr;
  uint32_t in_session_ = 0;                   // of streams_, that are nghttp2's
  std::vector<Stream*> unbegun_;              // of streams_, that wait for their gates
  const Stream* framed_ = nullptr;            // whose frame nghttp2 gives out; nullptr: not gated
  GatedOutput gated_;                         // of output_
  std::vector<std::function<void()>> pings_;  // waiting for their acknowledgements, in order
  std::vector<std::function<void()>> unconfirmed_;  // waiting to be asked for
  // By SETTINGS that are under way, in order; the first of all has none to call.
  std::deque<std::vector<std::function<void()>>> confirming_;
  std::unique_ptr<FieldArray> fields_;  // scratch of ToFields

  FloodRate resets_, pings_received_, settings_, empty_frames_;
  Keepalive keepalive_;
  net::Timer keepalive_timer_;  // client side: LookForLife while streams are open
  bool suspected_ = false;
  bool preface_checked_ = false;
  bool peer_settings_ = false;
  bool goaway_received_ = false;
  bool shutdown_started_ = false;
  bool shutdown_pinged_ = false;
  bool out_of_ids_ = false;
  bool closing_ = false;
  ConnectionClosure closure_;
};

}  // namespace praefect::http2
