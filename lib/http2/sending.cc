// What leaves, and in which order: whatever needs no window first, then DATA, one frame for each
// stream in turn. Streams wait when enough is queued for the socket.

#include <algorithm>
#include <utility>

#include "http2/connection.h"

namespace praefect::http2 {
namespace {

constexpr size_t kCopyBelow = 512;  // bytes: smaller slices are copied next to frame headers
constexpr int kMaxPieces = 128;     // of one writev
constexpr uint64_t kWrittenPerRound = 1 << 20;  // bytes, before other connections have their turn
constexpr double kSpareFrames = 1'000;

}  // namespace

Stream* Connection::Open(HeaderList headers, bool end, StreamListener& listener,
                         std::shared_ptr<const SendGate> gate, const void* sharer) {
  if (!usable()) return nullptr;
  Stream& stream = NewStream(0);
  stream.sharer = sharer;
  stream.listener_ = &listener;
  stream.has_headers_ = true;
  stream.sent_headers_ = std::move(headers);
  stream.output_ended_ = end;
  stream.gate_ = std::move(gate);
  (stream.gate_ == nullptr ? waiting_ : gated_waiting_).Add(stream);
  if (!keepalive_timer_.running() && keepalive_.look_interval_ms() > 0) {
    keepalive_timer_.Start(keepalive_.look_interval_ms());
  }
  MarkDirty();
  return &stream;
}

void Connection::AtRoundEnd() {
  if (closing_) return Finish();
  // Whoever does not speak HTTP/2 shall not get our SETTINGS before the answer that it understands.
  if (side_ == Side::kServer && preface_bytes_ == 0) return;
  const bool goes_on = Pump();
  FreeClosed();
  if (!goes_on) Finish();
}

// False: the connection is over.
bool Connection::Pump() {
  if (!unconfirmed_.empty()) PutConfirmation();
  const uint64_t full = written_total_ + kWrittenPerRound;
  bool more = false;  // for the next round
  while (!more) {
    // Streams that wait for their gates begin on an empty output, after those that came before
    // them: nothing is added to it meanwhile, or those that send without end would keep them
    // waiting as long.
    if (output_.empty() && waiting_.empty() && !terminating_) BeginGated();
    if (output_.empty() || gated_waiting_.empty()) Fill();
    if (output_.empty()) break;
    if (!Flush()) {
      if (!terminating_) ReadLastWords();
      return false;
    }
    if (!output_.empty()) break;  // the socket is full
    more = written_total_ >= full;
  }
  watcher_.Want(true, more || !output_.empty());
  const bool all_left = output_.empty() && urgent_.empty() && data_.empty() && waiting_.empty() &&
                        gated_waiting_.empty();
  if (!all_left) SweepLater();
  return more || !IsOver();
}

bool Connection::IsOver() const {
  if (!output_.empty()) return false;
  return terminating_ || (streams_ == nullptr && (goaway_sent_ || goaway_received_));
}

// Answers to what the client asked, RST_STREAM and window updates: some for each stream that may be
// open, and some more. Beyond that a client makes us answer and does not read.
double Connection::MaxWaitingFrames() const {
  return 4.0 * options_.max_concurrent_streams + kSpareFrames;
}

void Connection::Fill() {
  if (terminating_) return;
  OpenWaiting();
  while (output_.bytes() < options_.max_output_bytes) {
    Turn* turn = urgent_.Take();
    if (turn == nullptr && send_window_ > 0) turn = data_.Take();
    if (turn == nullptr) return;
    TakeTurn(*static_cast<Stream*>(turn));
  }
}

bool Connection::HasRoomToOpen() {
  if (next_id_ > kMaxStreamId) {
    out_of_ids_ = true;
    GiveBackWaiting();
  }
  return open_.size() < peer_max_streams_;
}

void Connection::BeginGated() {
  while (!gated_waiting_.empty() && HasRoomToOpen()) {
    Turn* turn = gated_waiting_.Take();
    if (turn == nullptr) return;
    auto& stream = *static_cast<Stream*>(turn);
    if (stream.gate_->MayBegin()) {
      Begin(stream);
    } else {
      StreamClosure closure;
      closure.error_code = kRefusedStream;
      CloseStream(stream, closure);  // as one that was never sent
    }
  }
}

void Connection::OpenWaiting() {
  while (!waiting_.empty() && output_.bytes() < options_.max_output_bytes && HasRoomToOpen()) {
    Turn* turn = waiting_.Take();
    if (turn == nullptr) return;
    Begin(*static_cast<Stream*>(turn));
  }
}

// Ids have to reach the peer in order, so each is given with the turn that sends it.
void Connection::Begin(Stream& stream) {
  stream.id_ = std::exchange(next_id_, next_id_ + 2);
  stream.send_window_ = peer_stream_window_;
  open_.emplace(stream.id_, &stream);
  TakeTurn(stream);
}

void Connection::Queue(Stream& stream) {
  const bool opened = stream.has_headers_ || stream.headers_offset_ != Stream::kNotSent;
  if (stream.id_ == 0 || stream.closed_ || stream.end_sent_ || !opened) return;
  if (stream.has_headers_ || (stream.output_.empty() && stream.output_ended_)) {
    urgent_.Add(stream);
  } else if (!stream.output_.empty()) {
    stream.send_window_ > 0 ? data_.Add(stream) : SweepLater();
  }
}

void Connection::TakeTurn(Stream& stream) {
  const bool with_trailers = !stream.sent_trailers_.empty();
  if (std::exchange(stream.has_headers_, false)) {
    const bool end = stream.output_ended_ && stream.output_.empty() && !with_trailers;
    PutHeaders(stream, stream.sent_headers_, end);
    stream.sent_headers_.Clear();
    if (end) return EndSent(stream);
  }
  const size_t drained = PutData(stream);
  const bool ends = stream.output_ended_ && stream.output_.empty();
  if (ends && with_trailers) PutHeaders(stream, stream.sent_trailers_, true);
  if (!ends) Queue(stream);
  if (drained > 0 && stream.listener_ != nullptr) stream.listener_->OnDrained(drained);
  if (ends && !stream.closed_) EndSent(stream);
}

// One frame at most. Returns how many bytes it carries.
size_t Connection::PutData(Stream& stream) {
  const int64_t window = std::max(std::min(stream.send_window_, send_window_), int64_t{0});
  const size_t queued = stream.output_.bytes();
  const size_t size = std::min({queued, static_cast<size_t>(window), size_t{kMaxFrameBytes}});
  const bool end = size == queued && stream.output_ended_ && stream.sent_trailers_.empty();
  if (size == 0 && !end) return 0;
  const uint64_t begin = output_total_;
  uint8_t header[kFrameHeaderBytes];
  WriteFrameHeader(header, {static_cast<uint32_t>(size), FrameType::kData,
                            end ? kFlagEndStream : uint8_t{0}, stream.id_});
  PutCopy(header, sizeof header);
  PutSlices(stream.output_, size);
  if (stream.gate_ != nullptr) gated_.Add(stream.gate_, false, begin, output_total_);
  stream.send_window_ -= static_cast<int64_t>(size);
  send_window_ -= static_cast<int64_t>(size);
  stream.drained_bytes_ += size;
  return size;
}

void Connection::EndSent(Stream& stream) {
  stream.end_sent_ = true;
  if (side_ == Side::kClient && !stream.peer_ended_) return;
  // A server that is done before its client tells it so (RFC 9113, 8.1).
  if (!stream.peer_ended_) PutNumber(FrameType::kRstStream, stream.id_, kNoError);
  CloseStream(stream, {});
}

void Connection::PutHeaders(Stream& stream, const HeaderList& headers, bool end) {
  const bool first = stream.headers_offset_ == Stream::kNotSent;
  const uint64_t begin = output_total_;
  if (first) stream.headers_offset_ = begin;
  std::string_view block = encoder_.Encode(headers, buffers_.header_block);
  auto type = FrameType::kHeaders;
  auto flags = end ? kFlagEndStream : uint8_t{0};
  do {
    const std::string_view part = block.substr(0, kMaxFrameBytes);
    block.remove_prefix(part.size());
    if (block.empty()) flags |= kFlagEndHeaders;
    uint8_t header[kFrameHeaderBytes];
    WriteFrameHeader(header, {static_cast<uint32_t>(part.size()), type, flags, stream.id_});
    PutCopy(header, sizeof header);
    PutCopy(reinterpret_cast<const uint8_t*>(part.data()), part.size());
    type = FrameType::kContinuation;
    flags = 0;
  } while (!block.empty());
  if (stream.gate_ != nullptr) gated_.Add(stream.gate_, first, begin, output_total_);
}

void Connection::PutControl(const uint8_t* frame, size_t size) {
  waiting_frames_++;
  PutCopy(frame, size);
}

void Connection::PutNumber(FrameType type, uint32_t stream, uint32_t number) {
  const auto frame = NumberFrame(type, stream, number);
  PutControl(frame.data(), frame.size());
}

// One for all who ask at a time.
void Connection::PutConfirmation() {
  uint8_t frame[kFrameHeaderBytes];
  WriteFrameHeader(frame, {0, FrameType::kSettings, 0, 0});
  PutControl(frame, sizeof frame);
  confirming_.push_back(std::exchange(unconfirmed_, {}));
}

void Connection::PutPing(uint8_t flags, const uint8_t* content) {
  uint8_t frame[kFrameHeaderBytes + kPingBytes];
  WriteFrameHeader(frame, {kPingBytes, FrameType::kPing, flags, 0});
  std::copy_n(content, kPingBytes, frame + kFrameHeaderBytes);
  PutControl(frame, sizeof frame);
}

void Connection::PutCopy(const uint8_t* bytes, size_t size) {
  output_.PushCopy(buffers_.control, bytes, size);
  output_total_ += size;
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
      if (!terminating_) closure_ = ClosureOf(result);
      return false;
    }
    const double left =
        1 - static_cast<double>(result.bytes) / static_cast<double>(output_.bytes());
    waiting_frames_ *= left;
    waiting_answers_ *= left;
    written_total_ += result.bytes;
    output_.Consume(result.bytes);
  }
  return true;
}

}  // namespace praefect::http2
