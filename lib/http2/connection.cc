// The life of a connection: its start, its shutdown, its end, and its streams'.

#include "http2/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace praefect::http2 {
namespace {

constexpr int64_t kShutdownWaitMs = 1'000;
// A header that is longer ends the connection, also when all of them together may not be that long.
constexpr size_t kLongestHeader = 64 << 10;

}  // namespace

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
      decoder_(std::max<size_t>(options.max_header_list_bytes, kLongestHeader),
               buffers.header_text),
      keepalive_(options.keepalive_timeout_ms),
      keepalive_timer_(loop, [this] { LookForLife(); }) {
  resets_.per_second = options_.floods.resets_per_second;
  pings_received_.per_second = options_.floods.pings_per_second;
  settings_.per_second = options_.floods.settings_per_second;
  empty_frames_.per_second = side_ == Side::kServer ? kMaxEmptyFramesPerSecond : 0;
  PutSettings();
  watcher_.Want(true, false);
  if (transport_->holds_input()) read_again_.Start(0);
  MarkDirty();
}

Connection::~Connection() {
  loop_.ForgetRoundEnd(*this);
  while (streams_ != nullptr) Unlink(*streams_);
  FreeClosed();
}

void Connection::PutSettings() {
  const std::pair<Setting, uint32_t> settings[] = {
      {Setting::kInitialWindowSize, options_.stream_window},
      {Setting::kMaxHeaderListSize, options_.max_header_list_bytes},
      side_ == Side::kServer
          ? std::pair(Setting::kMaxConcurrentStreams, options_.max_concurrent_streams)
          : std::pair(Setting::kEnablePush, 0u),
  };
  uint8_t frame[kFrameHeaderBytes + 6 * std::size(settings)];
  WriteFrameHeader(frame, {6 * std::size(settings), FrameType::kSettings, 0, 0});
  uint8_t* at = frame + kFrameHeaderBytes;
  for (const auto& [setting, value] : settings) {
    Write16(at, static_cast<uint16_t>(setting));
    Write32(at + 2, value);
    at += 6;
  }
  if (side_ == Side::kClient) {
    PutCopy(reinterpret_cast<const uint8_t*>(kClientPreface.data()), kClientPreface.size());
  }
  PutControl(frame, sizeof frame);
  confirming_.emplace_back();
  const uint32_t more = ConnectionWindow() - kDefaultWindow;
  if (more > 0) PutNumber(FrameType::kWindowUpdate, 0, more);
}

// ---- streams --------------------------------------------------------------------------------

Stream::Stream(Connection& connection, uint32_t id)
    : connection_(connection),
      id_(id),
      send_window_(connection.peer_stream_window_),
      receive_window_(connection.options_.stream_window),
      receive_limit_(connection.options_.stream_window) {}

std::atomic<int64_t>& Connection::open_streams() const {
  return side_ == Side::kServer ? buffers_.meter.client_streams : buffers_.meter.node_streams;
}

// `id` 0: it is opened later.
Stream& Connection::NewStream(uint32_t id) {
  auto* stream = new Stream(*this, id);
  open_streams().fetch_add(1, std::memory_order_relaxed);
  stream->next_ = streams_;
  if (streams_ != nullptr) streams_->previous_ = stream;
  streams_ = stream;
  if (id != 0) open_.emplace(id, stream);
  return *stream;
}

Stream* Connection::Find(uint32_t id) {
  const auto found = open_.find(id);
  return found == open_.end() ? nullptr : found->second;
}

// Whoever is in a callback of the stream may look at it until the end of the round.
void Connection::Unlink(Stream& stream) {
  stream.closed_ = true;
  stream.listener_ = nullptr;
  Schedule::Remove(stream);
  if (stream.id_ != 0) open_.erase(stream.id_);
  if (stream.previous_ != nullptr) stream.previous_->next_ = stream.next_;
  if (stream.next_ != nullptr) stream.next_->previous_ = stream.previous_;
  if (streams_ == &stream) streams_ = stream.next_;
  open_streams().fetch_sub(1, std::memory_order_relaxed);
  closed_.push_back(&stream);
}

void Connection::FreeClosed() {
  for (Stream* stream : closed_) delete stream;
  closed_.clear();
}

void Connection::CloseStream(Stream& stream, const StreamClosure& closure) {
  StreamListener* listener = stream.listener_;
  StreamClosure told = closure;
  told.never_taken = told.never_taken || stream.headers_offset_ == Stream::kNotSent;
  Unlink(stream);
  if (listener != nullptr) listener->OnClosed(told);
}

void Connection::LoseStreams() {
  StreamClosure closure;
  closure.connection_lost = true;
  closure.error_code = kInternalError;
  closure.cause = closure_.cause;
  while (streams_ != nullptr) {
    closure.never_taken = written_total_ <= streams_->headers_offset_;
    CloseStream(*streams_, closure);
  }
}

// What waits for the peer to take more streams would wait for its open ones to end.
void Connection::GiveBackWaiting() {
  StreamClosure closure;
  closure.error_code = kRefusedStream;
  closure.never_taken = true;
  while (Turn* turn = waiting_.Take()) CloseStream(*static_cast<Stream*>(turn), closure);
  while (Turn* turn = gated_waiting_.Take()) CloseStream(*static_cast<Stream*>(turn), closure);
}

// So that a few bytes do not keep whole receive blocks.
void Connection::CompactStalled() {
  bool queued = !output_.empty();
  if (written_total_ - written_at_sweep_ < output_.bytes()) output_.Compact(buffers_.packed);
  written_at_sweep_ = written_total_;
  for (Stream* stream = streams_; stream != nullptr; stream = stream->next_) {
    if (stream->output_.empty()) continue;
    queued = true;
    if (stream->drained_bytes_ < stream->output_.bytes()) stream->output_.Compact(buffers_.packed);
    stream->drained_bytes_ = 0;
  }
  if (queued) sweep_timer_.Start(kSweepMs);
}

// ---- the end --------------------------------------------------------------------------------

void Connection::Close(std::string cause) {
  Fail({ConnectionClosure::Kind::kLocal, std::move(cause)});
}

void Connection::Fail(ConnectionClosure closure) {
  if (closing_) return;
  closing_ = true;
  if (!terminating_) closure_ = std::move(closure);
  watcher_.Want(false, false);
  MarkDirty();  // OnClosed comes from the end of the round, never from inside a callback
}

void Connection::Finish() {
  closing_ = true;
  LoseStreams();
  owner_.OnClosed(*this, closure_);  // may destroy this
}

// The peer is told why; when it takes nothing, it is not waited for long.
void Connection::Terminate(uint32_t error_code, ConnectionClosure closure) {
  if (closing_ || terminating_) return;
  terminating_ = true;
  closure_ = std::move(closure);
  PutGoaway(std::min(last_peer_id_, last_served_id_), error_code);
  shutdown_timer_.Start(kShutdownWaitMs);
  MarkDirty();
}

bool Connection::BreakOff(uint32_t error_code, std::string_view why) {
  Terminate(error_code, {ConnectionClosure::Kind::kProtocolError,
                         fmt::format("the other side broke the rules of HTTP/2: {}", why)});
  return false;
}

void Connection::PutGoaway(uint32_t last_stream, uint32_t error_code) {
  uint8_t frame[kFrameHeaderBytes + 8];
  WriteFrameHeader(frame, {8, FrameType::kGoaway, 0, 0});
  Write32(frame + kFrameHeaderBytes, last_stream);
  Write32(frame + kFrameHeaderBytes + 4, error_code);
  PutControl(frame, sizeof frame);
}

void Connection::GracefulShutdown() {
  if (shutdown_started_ || closing_ || terminating_) return;
  shutdown_started_ = true;
  if (side_ == Side::kClient) {  // the other side opens no streams: one step is enough
    goaway_sent_ = true;
    PutGoaway(0, kNoError);
    return MarkDirty();
  }
  // A GOAWAY would not leave yet. It may just be connecting, and is told when it has.
  if (preface_bytes_ == 0) return shutdown_timer_.Start(kShutdownWaitMs);
  AnnounceShutdown();
}

// An answer to the PING says that the other side has seen the notice.
void Connection::AnnounceShutdown() {
  PutGoaway(kMaxStreamId, kNoError);
  shutdown_timer_.Start(kShutdownWaitMs);
  Ping([this] {
    if (shutdown_timer_.running()) shutdown_timer_.Start(0);
  });
}

void Connection::EndShutdown() {
  if (terminating_) return Close("");
  if (preface_bytes_ == 0) return Close("it had said nothing yet");
  goaway_sent_ = true;
  last_served_id_ = last_peer_id_;
  PutGoaway(last_peer_id_, kNoError);
  MarkDirty();
}

void Connection::Ping(std::function<void()> acknowledged) {
  uint8_t content[kPingBytes] = {};
  Write32(content + 4, static_cast<uint32_t>(pings_answered_ + pings_.size()));
  pings_.push_back(std::move(acknowledged));
  PutPing(0, content);
  MarkDirty();
}

void Connection::ConfirmResets(std::function<void()> confirmed) {
  unconfirmed_.push_back(std::move(confirmed));
  MarkDirty();
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

}  // namespace praefect::http2
