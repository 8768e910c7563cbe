#pragma once

// One HTTP/2 connection (RFC 9113), either side of it, and its streams. A peer that breaks the
// rules loses the stream (RST_STREAM) or the connection (GOAWAY), as the RFC asks for.
//
// Flow control: the credit of the *connection* is given back when bytes arrive, the credit of a
// *stream* only when its listener says so (Stream::Credit). One reader that stalls therefore stops
// its own stream and nobody else's.
//
// Everything is for the thread of the loop. What is sent during a round leaves at its end, with one
// system call. Listeners may call anything on any stream or connection from inside a callback, but
// must not destroy a connection there, except from Owner::OnClosed.

#include <absl/container/flat_hash_map.h>

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
#include "http2/frame.h"
#include "http2/gated_output.h"
#include "http2/header_decoder.h"
#include "http2/header_encoder.h"
#include "http2/header_rules.h"
#include "http2/headers.h"
#include "http2/keepalive.h"
#include "http2/schedule.h"
#include "http2/send_gate.h"
#include "http2/stream.h"
#include "net/event_loop.h"
#include "net/transport.h"

namespace praefect::http2 {

struct ConnectionOptions {
  uint32_t stream_window = 256 << 10;        // bytes, each stream's initial receive window
  uint32_t connection_window = 8 << 20;      // bytes
  uint32_t max_concurrent_streams = 10'000;  // that the peer may open; server side
  uint32_t max_header_list_bytes = 64 << 10;
  uint32_t max_header_fields = 256;     // of one block
  size_t max_output_bytes = 128 << 10;  // queued for the socket before streams wait
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
  // Streams with the same `sharer`, which is never looked into, share one turn when there is more
  // to send than leaves.
  Stream* Open(HeaderList headers, bool end, StreamListener& listener,
               std::shared_ptr<const SendGate> gate = nullptr, const void* sharer = nullptr);
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

  bool usable() const {
    return !goaway_received_ && !closing_ && !terminating_ && !shutdown_started_ && !out_of_ids_;
  }
  // What came just now costs as much as so many requests: less is read at a time.
  void Charge(uint64_t requests) { requests_ += requests; }
  bool peer_spoke() const { return peer_settings_; }  // its SETTINGS have arrived
  uint64_t bytes_received() const { return bytes_received_; }
  // Server side: streams that the peer opened beyond max_concurrent_streams.
  uint64_t streams_refused() const { return streams_refused_; }
  const net::Transport& transport() const { return *transport_; }
  size_t output_bytes() const { return output_.bytes(); }

  void AtRoundEnd() override;

 private:
  friend class Stream;

  static constexpr uint32_t kStreamsBeforeSettings =
      100;  // of ours, while the peer has said nothing
  static constexpr uint32_t kPingBytes = 8;
  static constexpr uint32_t kFirstRead = 16 << 10;     // bytes
  static constexpr double kMaxWaitingAnswers = 1'000;  // from either side; as nghttp2 has it
  // Between two looks for queues that hold on to much memory: who drains in less does not matter.
  static constexpr int64_t kSweepMs = 100;

  // A header block that is arriving, in HEADERS and CONTINUATION.
  struct IncomingBlock {
    enum class For { kNobody, kNewRequest, kStream } whom = For::kNobody;
    uint32_t stream = 0;
    bool end_stream = false;
    bool open = false;  // no frame but its CONTINUATION may come
    bool malformed = false;
    bool too_large = false;
    uint32_t refuse_with = kNoError;  // a new request that is not to be served
    uint32_t continuations = 0;
    size_t bytes = 0;  // as RFC 9113 counts a header list, 6.5.2
    HeaderRules rules;
    HeaderList headers;
  };

  // connection.cc
  void Fail(ConnectionClosure closure);
  void Finish();
  void Terminate(uint32_t error_code, ConnectionClosure closure);
  bool BreakOff(uint32_t error_code, std::string_view why);  // false, always
  void AnnounceShutdown();
  void EndShutdown();
  void PutSettings();
  void PutGoaway(uint32_t last_stream, uint32_t error_code);
  void LookForLife();
  void CompactStalled();
  void SweepLater() {
    if (!sweep_timer_.running()) sweep_timer_.Start(kSweepMs);
  }
  void LoseStreams();
  void GiveBackWaiting();
  std::atomic<int64_t>& open_streams() const;  // of the whole process, on this side
  Stream& NewStream(uint32_t id);
  Stream* Find(uint32_t id);
  void Unlink(Stream& stream);
  void CloseStream(Stream& stream, const StreamClosure& closure);
  void FreeClosed();

  // reading.cc
  void OnReadable();
  enum class ReadResult { kNothing, kShort, kFull };  // of the room that there was
  ReadResult ReadOnce();
  void ReadLastWords();
  void AdaptReads(uint64_t requests, bool full);
  size_t TakePreface(const uint8_t* bytes, size_t size);
  void OnForeignPreface(const uint8_t* bytes);
  void Receive(const uint8_t* bytes, size_t size);
  size_t TakeHeader(const uint8_t* bytes, size_t size);
  size_t TakePayload(const uint8_t* bytes, size_t size);
  bool IsFrameExpected();

  // frames.cc: one frame each
  void OnFrame(const uint8_t* payload);
  void OnRstStream(const uint8_t* payload);
  void OnSettings(const uint8_t* payload);
  void OnSettingsAcknowledged();
  bool SetPeerWindow(int64_t bytes);
  void OnPing(const uint8_t* payload);
  void OnGoaway(const uint8_t* payload);
  void OnWindowUpdate(const uint8_t* payload);
  void Flooded(std::string_view what, std::string_view limit);
  bool IsIdle(uint32_t stream) const;
  void StreamError(uint32_t stream, uint32_t error_code);

  // data.cc: DATA, passed on as it comes
  void OnDataBegin();
  size_t OnDataBytes(const uint8_t* bytes, size_t size);
  void TakePaddingLength(uint8_t length);
  void OnEmptyData();
  void OnContent(const uint8_t* bytes, size_t size);
  void OnDataEnd();
  void OnPeerEnd(Stream& stream, HeaderList trailers);
  void CreditConnection(size_t bytes);
  uint32_t ConnectionWindow() const;

  // blocks.cc: header blocks
  void OnHeaders(const uint8_t* payload);
  void OnContinuation(const uint8_t* payload);
  bool BeginBlock();
  void TakeFragment(const uint8_t* bytes, size_t size, bool last);
  void TakeField(const HeaderDecoder::Field& field);
  void BlockComplete();
  void OnRequestBlock(IncomingBlock block);
  void OnStreamBlock(Stream& stream, IncomingBlock block);
  uint32_t MaxContinuations() const;

  // sending.cc
  void MarkDirty() { loop_.QueueRoundEnd(*this); }
  bool Pump();
  void Fill();
  void BeginGated();
  void OpenWaiting();
  void Begin(Stream& stream);
  bool HasRoomToOpen();
  void PutConfirmation();
  void Queue(Stream& stream);
  void TakeTurn(Stream& stream);
  size_t PutData(Stream& stream);
  void EndSent(Stream& stream);
  void PutHeaders(Stream& stream, const HeaderList& headers, bool end);
  void PutControl(const uint8_t* frame, size_t size);
  void PutNumber(FrameType type, uint32_t stream, uint32_t number);
  void PutPing(uint8_t flags, const uint8_t* content);
  void PutCopy(const uint8_t* bytes, size_t size);
  void PutSlices(SliceQueue& from, size_t size);
  bool Flush();
  bool IsOver() const;
  double MaxWaitingFrames() const;

  net::EventLoop& loop_;
  Buffers& buffers_;
  Owner& owner_;
  const Side side_;
  const ConnectionOptions options_;
  std::unique_ptr<net::Transport> transport_;
  net::Watcher watcher_;
  net::Timer shutdown_timer_;  // second step of GracefulShutdown without an answer to its PING
  net::Timer sweep_timer_;     // looks for stalled streams while anything is queued
  net::Timer read_again_;      // for input that the transport holds

  // Reading.
  Block* receiving_ = nullptr;        // where the bytes lie that are being received
  uint32_t read_bytes_ = kFirstRead;  // of one read
  uint64_t requests_ = 0;             // that the peer began; server side
  uint64_t bytes_received_ = 0;
  size_t preface_bytes_ = 0;  // server side: of the client's preface, that have come
  uint8_t header_[kFrameHeaderBytes];
  size_t header_bytes_ = 0;  // of it, when it comes in pieces
  bool in_frame_ = false;    // its header has come
  bool any_frame_ = false;
  FrameHeader frame_;
  std::vector<uint8_t> payload_;  // of frame_, when it comes in pieces
  uint32_t data_left_ = 0;        // of a DATA frame's payload, padding included
  uint32_t padding_left_ = 0;
  bool padding_known_ = true;
  HeaderDecoder decoder_;
  IncomingBlock block_;
  uint64_t receive_credit_ = 0;  // of the connection, not told to the peer yet

  // Sending.
  SliceQueue output_;
  GatedOutput gated_;           // of output_
  uint64_t output_total_ = 0;   // bytes that ever entered output_
  uint64_t written_total_ = 0;  // bytes that the transport took
  uint64_t written_at_sweep_ = 0;
  // Control frames in output_; a share of them leaves with a share of it.
  double waiting_frames_ = 0;
  double waiting_answers_ = 0;  // of them, to PING and SETTINGS
  HeaderEncoder encoder_;
  Schedule urgent_;  // headers, trailers, ends: need no window
  Schedule data_;    // with data and a window of their own
  int64_t send_window_ = kDefaultWindow;
  int64_t peer_stream_window_ = kDefaultWindow;
  uint32_t peer_max_streams_ = kStreamsBeforeSettings;

  // Streams.
  absl::flat_hash_map<uint32_t, Stream*> open_;
  Stream* streams_ = nullptr;    // all of them: open ones, and those that wait to be opened
  Schedule waiting_;             // client side: to be opened
  Schedule gated_waiting_;       // likewise, those with a gate
  std::vector<Stream*> closed_;  // to be freed
  uint32_t next_id_ = 1;         // client side
  uint32_t last_peer_id_ = 0;    // server side
  uint32_t last_served_id_ = kMaxStreamId;  // server side: of the final GOAWAY
  uint64_t streams_refused_ = 0;

  std::deque<std::function<void()>> pings_;  // waiting for their acknowledgements, in order
  uint32_t pings_answered_ = 0;
  std::vector<std::function<void()>> unconfirmed_;  // waiting to be asked for
  // By SETTINGS that are under way, in order; the first of all has none to call.
  std::deque<std::vector<std::function<void()>>> confirming_;
  FloodRate resets_, pings_received_, settings_, empty_frames_;
  Keepalive keepalive_;
  net::Timer keepalive_timer_;  // client side: LookForLife while streams are open
  bool suspected_ = false;
  bool peer_settings_ = false;
  bool goaway_received_ = false;
  bool shutdown_started_ = false;
  bool goaway_sent_ = false;  // the final one
  bool out_of_ids_ = false;
  bool terminating_ = false;  // GOAWAY with an error: what comes now is dropped
  bool closing_ = false;
  ConnectionClosure closure_;
};

}  // namespace praefect::http2
