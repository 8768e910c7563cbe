#include "http2/connection.h"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>

#include "http2/callbacks.h"
#include "http2/grpc.h"

namespace praefect::http2 {
namespace {

constexpr int kReadsPerRound = 4;  // of one connection, before others have their turn
constexpr size_t kFrameHeaderBytes = 9;
constexpr size_t kCopyBelow = 512;  // bytes: smaller slices are copied next to frame headers
constexpr int kMaxPieces = 128;     // of one writev
constexpr int64_t kShutdownWaitMs = 1'000;
constexpr int64_t kSweepMs = 100;
constexpr size_t kSpareFrames = 1'000;
// Of one block: limits.max_header_list_bytes may be 16 MiB, and the bound that nghttp2 takes counts
// more than the bytes of a field.
constexpr size_t kMaxSentHeaderBytes = 32 << 20;
// A connection whose receiver took less between two sweeps has stalled.
constexpr size_t kDrainingBytes = 16 << 10;
constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

constexpr std::string_view kHttp1Answer =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    "Content-Length: 44\r\n\r\nThis port speaks gRPC, which takes HTTP/2.\r\n";

// Of a transport that failed.
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

uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

// ---- life -----------------------------------------------------------------------------------

Connection::Connection(net::EventLoop& loop, Buffers& buffers, Owner& owner, Side side,
                       std::unique_ptr<net::Transport> transport, const ConnectionOptions& options)
    : loop_(loop),
      buffers_(buffers),
      owner_(owner),
      side_(side),
      options_(options),
      transport_(std::move(transport)),
      watcher_(loop, transport_->fd(),
               [this](bool readable, bool writable) {
                 if (writable) MarkDirty();
                 if (readable) OnReadable();
               }),
      shutdown_timer_(loop, [this] { EndShutdown(); }),
      sweep_timer_(loop, [this] { CompactStalled(); }),
      read_again_(loop, [this] { OnReadable(); }),
      keepalive_(options.keepalive_timeout_ms),
      keepalive_timer_(loop, [this] { LookForLife(); }) {
  resets_.per_second = options_.floods.resets_per_second;
  pings_received_.per_second = options_.floods.pings_per_second;
  settings_.per_second = options_.floods.settings_per_second;
  empty_frames_.per_second = side_ == Side::kServer ? kMaxEmptyFramesPerSecond : 0;
  fields_ = std::make_unique<FieldArray>();
  StartSession();
  SubmitSettings();
  watcher_.Want(true, false);
  if (transport_->holds_input()) read_again_.Start(0);
  MarkDirty();
}

Connection::~Connection() {
  loop_.ForgetRoundEnd(*this);
  if (session_ != nullptr) nghttp2_session_del(session_);
  while (streams_ != nullptr) FreeStream(streams_);
  if (receiving_ != nullptr) BlockPool::Release(receiving_);
}

void Connection::StartSession() {
  static nghttp2_session_callbacks* const callbacks = Callbacks::Make();
  nghttp2_option* option;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  // gRPC servers send grpc-message as it is, spaces at its ends included, which RFC 9113 forbids.
  nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
  // nghttp2 would fail above 64 KiB, which a client's own fields nearly are and our token passes.
  nghttp2_option_set_max_send_header_block_length(option, kMaxSentHeaderBytes);
  // We count resets ourselves: nghttp2 gives up after 1,000 of them and 33 a second, which an
  // honest client that cancels its calls reaches within seconds.
  nghttp2_option_set_stream_reset_rate_limit(option, 1'000'000, 1'000'000);
  if (side_ == Side::kServer) {
    nghttp2_session_server_new2(&session_, callbacks, this, option);
  } else {
    nghttp2_session_client_new2(&session_, callbacks, this, option);
  }
  nghttp2_option_del(option);
}

void Connection::SubmitSettings() {
  nghttp2_settings_entry entries[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options_.max_header_list_bytes},
      {side_ == Side::kServer ? NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS
                              : NGHTTP2_SETTINGS_ENABLE_PUSH,
       side_ == Side::kServer ? options_.max_concurrent_streams : 0},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries, std::size(entries));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options_.connection_window));
  confirming_.emplace_back();
}

std::atomic<int64_t>& Connection::open_streams() const {
  return side_ == Side::kServer ? buffers_.meter.client_streams : buffers_.meter.node_streams;
}

Stream* Connection::NewStream() {
  auto* stream = new Stream(*this);
  open_streams().fetch_add(1, std::memory_order_relaxed);
  stream->next_ = streams_;
  if (streams_ != nullptr) streams_->previous_ = stream;
  streams_ = stream;
  return stream;
}

void Connection::FreeStream(Stream* stream) {
  if (stream->previous_ != nullptr) stream->previous_->next_ = stream->next_;
  if (stream->next_ != nullptr) stream->next_->previous_ = stream->previous_;
  if (streams_ == stream) streams_ = stream->next_;
  if (framed_ == stream) framed_ = nullptr;
  if (stream->id_ >= 0) in_session_--;
  open_streams().fetch_sub(1, std::memory_order_relaxed);
  delete stream;
}

void Connection::Close(std::string cause) {
  Fail({ConnectionClosure::Kind::kLocal, std::move(cause)});
}

void Connection::Fail(ConnectionClosure closure) {
  if (closing_) return;
  closing_ = true;
  closure_ = std::move(closure);
  watcher_.Want(false, false);
  MarkDirty();  // OnClosed comes from the end of the round, never from inside a callback
}

void Connection::Finish() {
  closing_ = true;
  LoseStreams();
  owner_.OnClosed(*this, closure_);  // may destroy this
}

void Connection::LoseStreams() {
  StreamClosure closure;
  closure.connection_lost = true;
  closure.error_code = kInternalError;
  closure.cause = closure_.cause;
  for (Stream* stream = streams_; stream != nullptr; stream = stream->next_) {
    StreamListener* listener = std::exchange(stream->listener_, nullptr);
    if (listener == nullptr) continue;
    closure.never_taken =
        stream->headers_offset_ == Stream::kNotSent || written_total_ <= stream->headers_offset_;
    listener->OnClosed(closure);
  }
}

// What waits for the peer to take more streams would wait for its open ones to end.
void Connection::GiveBackUnsent() {
  StreamClosure closure;
  closure.error_code = kRefusedStream;
  closure.never_taken = true;
  for (Stream* stream = streams_; stream != nullptr; stream = stream->next_) {
    if (stream->headers_offset_ != Stream::kNotSent || side_ == Side::kServer) continue;
    StreamListener* listener = std::exchange(stream->listener_, nullptr);
    if (listener == nullptr) continue;
    if (stream->id_ >= 0) {
      nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream->id_, kRefusedStream);
    }
    listener->OnClosed(closure);
  }
}

void Connection::Flooded(std::string_view what, std::string_view limit) {
  nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
  closure_ = {ConnectionClosure::Kind::kFlood, fmt::format("too many {} frames", what), limit};
}

void Connection::GracefulShutdown() {
  if (shutdown_started_ || closing_) return;
  shutdown_started_ = true;
  if (side_ == Side::kClient) {  // the other side opens no streams: one step is enough
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, 0, kNoError, nullptr, 0);
    return MarkDirty();
  }
  // A GOAWAY would not leave yet. It may just be connecting, and is told when it has.
  if (!preface_checked_) return shutdown_timer_.Start(kShutdownWaitMs);
  AnnounceShutdown();
}

void Connection::AnnounceShutdown() {
  nghttp2_submit_shutdown_notice(session_);
  shutdown_timer_.Start(kShutdownWaitMs);
  MarkDirty();
}

void Connection::EndShutdown() {
  if (!preface_checked_) return Close("it had said nothing yet");
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), kNoError, nullptr, 0);
  MarkDirty();
}

// nghttp2 sends a PING before a GOAWAY that was submitted first. Only an answer to one that follows
// says that the other side has seen the notice.
void Connection::OnGoawaySent() {
  if (!shutdown_started_ || std::exchange(shutdown_pinged_, true)) return;
  Ping([this] {
    if (shutdown_timer_.running()) shutdown_timer_.Start(0);
  });
}

void Connection::Ping(std::function<void()> acknowledged) {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  pings_.push_back(std::move(acknowledged));
  MarkDirty();
}

void Connection::ConfirmResets(std::function<void()> confirmed) {
  unconfirmed_.push_back(std::move(confirmed));
  MarkDirty();
}

// One for all who ask at a time. Resets have left nghttp2's queues by now.
void Connection::SendConfirmation() {
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  confirming_.push_back(std::exchange(unconfirmed_, {}));
}

void Connection::LookForLife() {
  if (streams_ == nullptr || closing_) return;  // Open looks again
  switch (keepalive_.Look(loop_.now_ms(), suspected_)) {
    case Keepalive::Step::kWait:
      break;
    case Keepalive::Step::kPing:
      Ping([this] { keepalive_.OnAcknowledged(); });
      break;
    case Keepalive::Step::kFrozen:
      return Fail({ConnectionClosure::Kind::kFrozen,
                   fmt::format("it left a PING unanswered for {} ms: its process or its host is "
                               "frozen",
                               options_.keepalive_timeout_ms)});
  }
  keepalive_timer_.Start(keepalive_.look_interval_ms());
}

// ---- receiving ------------------------------------------------------------------------------

void Connection::OnReadable() {
  for (int i = 0; i < kReadsPerRound && !closing_; i++) {
    if (ReadOnce() != ReadResult::kFull) return;
  }
  // The socket may have nothing more to tell.
  if (!closing_ && transport_->holds_input()) read_again_.Start(0);
}

// A peer that went away may have said something before; writing fails first, reading still works.
void Connection::ReadLastWords() {
  while (!closing_ && ReadOnce() != ReadResult::kNothing) {
  }
}

Connection::ReadResult Connection::ReadOnce() {
  if (receiving_ == nullptr) receiving_ = buffers_.receive.Get();
  net::IoResult result = transport_->Read(receiving_->data(), receiving_->capacity);
  switch (result.kind) {
    case net::IoResult::Kind::kWouldBlock:
      return ReadResult::kNothing;
    case net::IoResult::Kind::kEnd:
      Fail({ConnectionClosure::Kind::kPeerClosed, "the other side closed the connection"});
      return ReadResult::kNothing;
    case net::IoResult::Kind::kError:
    case net::IoResult::Kind::kTlsError:
    case net::IoResult::Kind::kRenegotiation:
      Fail(ClosureOf(result));
      return ReadResult::kNothing;
    case net::IoResult::Kind::kOk:
      break;
  }
  bytes_received_ += result.bytes;
  keepalive_.OnBytes(loop_.now_ms());
  bool more = result.bytes == receiving_->capacity || transport_->holds_input();
  Receive(receiving_->data(), result.bytes);
  if (receiving_->references > 1) {  // slices of it are queued somewhere
    BlockPool::Release(receiving_);
    receiving_ = nullptr;
  }
  if (!more && receiving_ != nullptr) {  // an idle connection keeps no buffer
    BlockPool::Release(receiving_);
    receiving_ = nullptr;
  }
  return more ? ReadResult::kFull : ReadResult::kShort;
}

void Connection::Receive(const uint8_t* bytes, size_t size) {
  if (!preface_checked_ && side_ == Side::kServer) {
    OnPreface(bytes, size);
    if (closing_) return;
  }
  ssize_t taken = nghttp2_session_mem_recv(session_, bytes, size);
  if (taken < 0) return GiveUp(static_cast<int>(taken));
  if (side_ == Side::kServer && nghttp2_session_get_outbound_queue_size(session_) > MaxFrames()) {
    Fail({ConnectionClosure::Kind::kFlood, "too many frames wait for a client that does not read",
          "queued_frames"});
    return;
  }
  MarkDirty();
}

// After such an error nghttp2 sends nothing any more.
void Connection::GiveUp(int error) {
  const bool flood = error == NGHTTP2_ERR_FLOODED || error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
  if (error != NGHTTP2_ERR_BAD_CLIENT_MAGIC) {  // who does not speak HTTP/2 is told nothing
    const uint32_t code = flood ? kEnhanceYourCalm : kInternalError;
    const auto last = static_cast<uint32_t>(nghttp2_session_get_last_proc_stream_id(session_));
    uint8_t goaway[kFrameHeaderBytes + 8] = {0, 0, 8, NGHTTP2_GOAWAY};
    for (int i = 0; i < 4; i++) {
      goaway[kFrameHeaderBytes + i] = static_cast<uint8_t>(last >> (24 - 8 * i));
      goaway[kFrameHeaderBytes + 4 + i] = static_cast<uint8_t>(code >> (24 - 8 * i));
    }
    PutCopy(goaway, sizeof goaway);
    Flush();  // as far as the socket takes it
  }
  if (error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) {
    return Fail({ConnectionClosure::Kind::kFlood, "too many CONTINUATION frames", "headers"});
  }
  Fail({ConnectionClosure::Kind::kProtocolError, nghttp2_strerror(error)});
}

// Headers, trailers, a window update and a reset for each stream that may be open, and some more.
// Beyond that a client opens streams and ends them again without reading what came of them.
size_t Connection::MaxFrames() const {
  return size_t{4} * options_.max_concurrent_streams + kSpareFrames;
}

// Tells people's common mistakes apart, by the first bytes that came.
void Connection::OnPreface(const uint8_t* bytes, size_t size) {
  preface_checked_ = true;
  std::string_view begin(reinterpret_cast<const char*>(bytes),
                         std::min(size, kClientPreface.size()));
  if (kClientPreface.substr(0, begin.size()) == begin) {  // nghttp2 checks what is missing
    if (shutdown_started_) AnnounceShutdown();
    return;
  }
  if (bytes[0] == 0x16) {  // a TLS handshake record
    Fail({ConnectionClosure::Kind::kTls, "a TLS handshake on a port without TLS"});
  } else if (bytes[0] >= 'A' && bytes[0] <= 'Z') {
    iovec answer{const_cast<char*>(kHttp1Answer.data()), kHttp1Answer.size()};
    transport_->Write(&answer, 1);  // a courtesy: nothing depends on it
    Fail({ConnectionClosure::Kind::kHttp1, "an HTTP/1 request on a port that speaks HTTP/2 only"});
  } else {
    Fail({ConnectionClosure::Kind::kNotHttp2, "the first bytes are not HTTP/2"});
  }
}

// ---- sending --------------------------------------------------------------------------------

void Connection::MarkDirty() { loop_.QueueRoundEnd(*this); }

void Connection::AtRoundEnd() {
  if (closing_) {
    Finish();
    return;
  }
  // Whoever does not speak HTTP/2 shall not get our SETTINGS before the answer that it understands.
  if (side_ == Side::kServer && !preface_checked_) return;
  Pump();
}

void Connection::Pump() {
  for (;;) {
    if (output_.empty() && !unbegun_.empty()) BeginGated();
    // Streams that wait for their gates begin on an empty output: nothing is added to it meanwhile,
    // or those that send without end would keep them waiting as long.
    const bool draining = !output_.empty() && !unbegun_.empty();
    while (!draining && output_.bytes() < options_.max_output_bytes) {
      const uint8_t* bytes;
      ssize_t size = nghttp2_session_mem_send(session_, &bytes);
      if (size < 0) {
        closure_ = {ConnectionClosure::Kind::kProtocolError,
                    nghttp2_strerror(static_cast<int>(size))};
        return Finish();
      }
      if (size > 0) {
        PutFrame(bytes, static_cast<size_t>(size));
      } else if (!unconfirmed_.empty()) {
        SendConfirmation();
      } else {
        break;
      }
    }
    if (output_.empty()) break;
    if (!Flush()) {
      ReadLastWords();
      return Finish();
    }
    if (!output_.empty()) break;  // the socket is full
  }
  watcher_.Want(true, !output_.empty());
  if (output_.empty() && nghttp2_session_want_read(session_) == 0 &&
      nghttp2_session_want_write(session_) == 0) {
    bool regular = shutdown_started_ || goaway_received_;
    if (!regular && closure_.kind == ConnectionClosure::Kind::kDone) {
      closure_ = {ConnectionClosure::Kind::kProtocolError,
                  "the other side broke the rules of HTTP/2"};
    }
    Finish();
  }
}

bool Connection::Flush() {
  while (!output_.empty()) {
    iovec pieces[kMaxPieces];
    int count = 0;
    for (; count < kMaxPieces && static_cast<size_t>(count) < output_.count(); count++) {
      const Slice& slice = output_.at(static_cast<size_t>(count));
      pieces[count] = {const_cast<uint8_t*>(slice.data()), slice.size()};
    }
    if (!gated_.MayWrite(written_total_)) {
      closure_ = {ConnectionClosure::Kind::kLocal,
                  "bytes of a write had to be handed over later than they may be"};
      return false;
    }
    net::IoResult result = transport_->Write(pieces, count);
    if (result.kind == net::IoResult::Kind::kWouldBlock) return true;
    if (result.kind != net::IoResult::Kind::kOk) {
      closure_ = ClosureOf(result);
      return false;
    }
    written_total_ += result.bytes;
    output_.Consume(result.bytes);
  }
  return true;
}

void Connection::PutCopy(const uint8_t* bytes, size_t size) {
  output_.PushCopy(buffers_.control, bytes, size);
  output_total_ += size;
}

void Connection::PutFrame(const uint8_t* bytes, size_t size) {
  if (framed_ != nullptr) {
    const bool begins = framed_->headers_offset_ == output_total_;
    gated_.Add(framed_->gate_, begins, output_total_, output_total_ + size);
  }
  PutCopy(bytes, size);
}

void Connection::PutSlices(SliceQueue& from, size_t size) {
  output_total_ += size;
  while (size > 0) {
    const Slice& first = from.front();
    size_t n = std::min(size, first.size());
    if (n <= kCopyBelow) {
      output_.PushCopy(buffers_.control, first.data(), n);
    } else {
      output_.Push(first.First(n));
    }
    from.Consume(n);
    size -= n;
  }
}

void Connection::CompactStalled() {
  bool queued = !output_.empty();
  if (written_total_ - written_at_sweep_ < kDrainingBytes) output_.Compact(buffers_.packed);
  written_at_sweep_ = written_total_;
  for (Stream* stream = streams_; stream != nullptr; stream = stream->next_) {
    if (stream->output_.empty()) continue;
    queued = true;
    if (!stream->drained_since_sweep_) stream->output_.Compact(buffers_.packed);
    stream->drained_since_sweep_ = false;
  }
  if (queued) sweep_timer_.Start(kSweepMs);
}

// Nothing is copied: the lists live in the stream until nghttp2 has sent or dropped the frame.
const FieldArray& Connection::ToFields(const HeaderList& headers) {
  auto& fields = fields_->fields;
  fields.clear();
  for (const HeaderList::Field& field : headers.fields()) {
    uint8_t flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    if (field.sensitive) flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    fields.push_back(
        {Bytes(field.name), Bytes(field.value), field.name.size(), field.value.size(), flags});
  }
  return *fields_;
}

Stream* Connection::Open(HeaderList headers, bool end, StreamListener& listener,
                         std::shared_ptr<const SendGate> gate) {
  if (!usable()) return nullptr;
  Stream* stream = NewStream();
  stream->listener_ = &listener;
  stream->output_ended_ = end;
  stream->sent_headers_ = std::move(headers);
  stream->gate_ = std::move(gate);
  if (stream->gate_ != nullptr) {
    unbegun_.push_back(stream);
  } else if (!Submit(*stream)) {
    FreeStream(stream);
    return nullptr;
  }
  if (!keepalive_timer_.running() && keepalive_.look_interval_ms() > 0) {
    keepalive_timer_.Start(keepalive_.look_interval_ms());
  }
  MarkDirty();
  return stream;
}

bool Connection::Submit(Stream& stream) {
  const FieldArray& fields = ToFields(stream.sent_headers_);
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::ReadOutput;
  const bool end = stream.output_ended_ && stream.output_.empty();
  stream.id_ = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                      end ? nullptr : &provider, &stream);
  if (stream.id_ < 0) {
    out_of_ids_ = true;
    return false;
  }
  in_session_++;
  return true;
}

// What nghttp2 has is compressed in order and cannot be taken back. So a gated stream becomes
// nghttp2's only when it leaves at once: nothing waits for the socket, and the peer takes one more.
void Connection::BeginGated() {
  size_t done = 0;
  for (; done < unbegun_.size(); done++) {  // listeners may open more
    Stream* stream = unbegun_[done];
    const bool wanted = stream->listener_ != nullptr;  // else it was reset, or given back
    if (wanted && in_session_ >= nghttp2_session_get_remote_settings(
                                     session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)) {
      break;
    }
    if (wanted && stream->gate_->MayBegin() && Submit(*stream)) continue;
    if (wanted) {
      StreamClosure closure;
      closure.error_code = kRefusedStream;
      closure.never_taken = true;
      std::exchange(stream->listener_, nullptr)->OnClosed(closure);
    }
    FreeStream(stream);
  }
  unbegun_.erase(unbegun_.begin(), unbegun_.begin() + static_cast<ptrdiff_t>(done));
}

void Stream::SendHeaders(HeaderList headers, bool end) {
  sent_headers_ = std::move(headers);
  output_ended_ = end;
  const FieldArray& fields = connection_.ToFields(sent_headers_);
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::ReadOutput;
  nghttp2_submit_response(connection_.session_, id_, fields.data(), fields.size(),
                          end ? nullptr : &provider);
  connection_.MarkDirty();
}

void Stream::SendData(Slice data) {
  output_.Push(std::move(data));
  if (!connection_.sweep_timer_.running()) connection_.sweep_timer_.Start(kSweepMs);
  Resume();
}

void Stream::SubmitTrailers() {
  if (std::exchange(trailers_submitted_, true)) return;
  const FieldArray& fields = connection_.ToFields(sent_trailers_);
  nghttp2_submit_trailer(connection_.session_, id_, fields.data(), fields.size());
}

}  // namespace praefect::http2
