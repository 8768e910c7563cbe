// Header blocks: HEADERS and the CONTINUATION frames that follow it. A block is decoded whatever
// becomes of its stream, because the next ones need what it does to the table.

#include <utility>

#include "http2/connection.h"

namespace praefect::http2 {
namespace {

constexpr uint32_t kSpareContinuations = 8;  // of small pieces, beyond what the header limit needs

}  // namespace

void Connection::OnHeaders(const uint8_t* payload) {
  size_t size = frame_.length, padding = 0;
  bool depends_on_itself = false;
  if (frame_.has(kFlagPadded)) {
    if (size < 1) return (void)BreakOff(kFrameSizeError, "padded HEADERS without room for it");
    padding = *payload++;
    size--;
  }
  if (frame_.has(kFlagPriority)) {
    if (size < 5) return (void)BreakOff(kFrameSizeError, "HEADERS without room for the priority");
    depends_on_itself = (Read32(payload) & kMaxStreamId) == frame_.stream;
    payload += 5;
    size -= 5;
  }
  if (padding > size) {
    return (void)BreakOff(kProtocolError, "more padding than the frame is long");
  }
  if (!BeginBlock()) return;
  if (depends_on_itself) block_.malformed = true;
  TakeFragment(payload, size - padding, frame_.has(kFlagEndHeaders));
}

void Connection::OnContinuation(const uint8_t* payload) {
  if (++block_.continuations > MaxContinuations()) {
    return Terminate(kEnhanceYourCalm,
                     {ConnectionClosure::Kind::kFlood, "too many CONTINUATION frames", "headers"});
  }
  TakeFragment(payload, frame_.length, frame_.has(kFlagEndHeaders));
}

uint32_t Connection::MaxContinuations() const {
  return kSpareContinuations + options_.max_header_list_bytes / kMaxFrameBytes;
}

// False: the connection is broken off.
bool Connection::BeginBlock() {
  using For = IncomingBlock::For;
  using Block = HeaderRules::Block;
  const uint32_t id = frame_.stream;
  block_ = IncomingBlock();
  block_.stream = id;
  block_.end_stream = frame_.has(kFlagEndStream);
  const bool possible = id % 2 == 1 && (side_ == Side::kServer || id < next_id_);
  if (!possible) return BreakOff(kProtocolError, "HEADERS of a stream that may not be opened");
  if (Stream* stream = Find(id)) {
    block_.whom = For::kStream;
    if (stream->peer_ended_) block_.refuse_with = kStreamClosed;
    block_.rules = HeaderRules(stream->got_headers_ ? Block::kTrailers : Block::kResponse);
    return true;
  }
  if (side_ == Side::kClient || id <= last_peer_id_) return true;  // for nobody: it has ended
  last_peer_id_ = id;
  requests_++;
  if (id > last_served_id_) return true;  // the peer was told that it is too late
  block_.whom = For::kNewRequest;
  block_.rules = HeaderRules(Block::kRequest);
  if (open_.size() >= options_.max_concurrent_streams) {
    block_.refuse_with = kRefusedStream;
    streams_refused_++;
  }
  return true;
}

void Connection::TakeFragment(const uint8_t* bytes, size_t size, bool last) {
  block_.open = !last;
  const bool decoded = decoder_.Decode(
      bytes, size, last, [this](const HeaderDecoder::Field& field) { TakeField(field); });
  if (!decoded) return (void)BreakOff(kCompressionError, "a header block that cannot be decoded");
  if (last) BlockComplete();
}

void Connection::TakeField(const HeaderDecoder::Field& field) {
  // A block that is too large costs no more than its bytes: short ones may name long fields.
  const bool wanted = block_.whom != IncomingBlock::For::kNobody && !block_.malformed &&
                      !block_.too_large && block_.refuse_with == kNoError;
  if (!wanted) return;
  if (!block_.rules.Accept(field.name, field.value, field.bytes_allowed)) {
    block_.malformed = true;
    return;
  }
  block_.bytes += field.name.size() + field.value.size() + HeaderTable::kFieldOverhead;
  if (block_.headers.size() >= options_.max_header_fields ||
      block_.bytes > options_.max_header_list_bytes) {
    block_.too_large = true;
    return;
  }
  block_.headers.Add(field.name, field.value, field.sensitive);
}

void Connection::BlockComplete() {
  IncomingBlock block = std::move(block_);
  block_ = IncomingBlock();
  if (block.whom == IncomingBlock::For::kNobody) return;
  if (block.refuse_with != kNoError) return StreamError(block.stream, block.refuse_with);
  if (block.malformed || !block.rules.Complete()) return StreamError(block.stream, kProtocolError);
  if (block.whom == IncomingBlock::For::kNewRequest) return OnRequestBlock(std::move(block));
  if (Stream* stream = Find(block.stream)) OnStreamBlock(*stream, std::move(block));
}

void Connection::OnRequestBlock(IncomingBlock block) {
  const int64_t content = block.rules.content_length();
  if (block.end_stream && content > 0) return StreamError(block.stream, kProtocolError);
  Stream& stream = NewStream(block.stream);
  stream.got_headers_ = true;
  stream.content_left_ = content;
  stream.peer_ended_ = block.end_stream;
  owner_.OnRequest(stream, std::move(block.headers), block.end_stream, block.too_large);
}

void Connection::OnStreamBlock(Stream& stream, IncomingBlock block) {
  keepalive_.OnAnswer();
  const bool informational = block.rules.informational();
  const bool must_end = stream.got_headers_;
  if (must_end ? !block.end_stream : informational && block.end_stream) {
    return StreamError(stream.id_, kProtocolError);
  }
  // What was cut may be the status.
  if (block.too_large && side_ == Side::kClient) return StreamError(stream.id_, kEnhanceYourCalm);
  if (informational) return;
  if (stream.got_headers_) return OnPeerEnd(stream, std::move(block.headers));
  stream.got_headers_ = true;
  stream.content_left_ = block.rules.content_length();
  if (block.end_stream && stream.content_left_ > 0) return StreamError(stream.id_, kProtocolError);
  stream.peer_ended_ = block.end_stream;
  if (stream.listener_ != nullptr) {
    stream.listener_->OnHeaders(std::move(block.headers), block.end_stream);
  }
  if (stream.peer_ended_ && stream.end_sent_ && !stream.closed_) CloseStream(stream, {});
}

}  // namespace praefect::http2
