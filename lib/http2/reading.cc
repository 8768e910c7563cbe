// From the bytes of the transport to frames, which may come in pieces of any size.

#include <algorithm>
#include <cstring>
#include <utility>

#include "http2/connection.h"

namespace praefect::http2 {
namespace {

// Of one connection, before others have their turn. A request costs more than its few bytes say:
// who sends many is read in smaller pieces.
constexpr int kReadsPerRound = 4;
constexpr uint64_t kRequestsPerRead = 64;
constexpr uint32_t kSmallestRead = 2 << 10;  // bytes
constexpr int kLastReads = 64;               // of a peer that takes nothing any more

constexpr std::string_view kHttp1Answer =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    "Content-Length: 44\r\n\r\nThis port speaks gRPC, which takes HTTP/2.\r\n";

}  // namespace

void Connection::OnReadable() {
  const uint64_t before = requests_;
  for (int i = 0; i < kReadsPerRound && !closing_; i++) {
    if (ReadOnce() != ReadResult::kFull) return;
    if (requests_ - before > kRequestsPerRead) break;
  }
  // The socket may have nothing more to tell.
  if (!closing_ && transport_->holds_input()) read_again_.Start(0);
}

// A peer that went away may have said something before; writing fails first, reading still works.
// One that only shut its receiving side would go on for ever.
void Connection::ReadLastWords() {
  for (int i = 0; i < kLastReads && !closing_ && !terminating_; i++) {
    if (ReadOnce() == ReadResult::kNothing) return;
  }
}

void Connection::AdaptReads(uint64_t requests, bool full) {
  if (requests > kRequestsPerRead) {
    read_bytes_ = std::max(read_bytes_ / 4, kSmallestRead);
  } else if (full && requests < kRequestsPerRead / 4) {
    read_bytes_ = std::min(read_bytes_ * 2, buffers_.receive.capacity());
  }
}

Connection::ReadResult Connection::ReadOnce() {
  ReceiveSpace::Room room(buffers_.space, read_bytes_);
  net::IoResult result = transport_->Read(room.data(), room.size());
  if (result.kind != net::IoResult::Kind::kOk) room.Keep(0);
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
  const bool full = result.bytes == room.size();
  const bool more = full || transport_->holds_input();
  const uint64_t before = requests_;
  room.Keep(result.bytes);
  receiving_ = room.block();
  Receive(room.data(), result.bytes);
  receiving_ = nullptr;
  AdaptReads(requests_ - before, full);
  return more ? ReadResult::kFull : ReadResult::kShort;
}

void Connection::Receive(const uint8_t* bytes, size_t size) {
  while (size > 0 && !closing_ && !terminating_) {
    size_t taken;
    if (side_ == Side::kServer && preface_bytes_ < kClientPreface.size()) {
      taken = TakePreface(bytes, size);
    } else {
      taken = in_frame_ ? TakePayload(bytes, size) : TakeHeader(bytes, size);
    }
    bytes += taken;
    size -= taken;
  }
  if (waiting_answers_ > kMaxWaitingAnswers ||
      (side_ == Side::kServer && waiting_frames_ > MaxWaitingFrames())) {
    Fail({ConnectionClosure::Kind::kFlood, "too many frames wait for a peer that does not read",
          "queued_frames"});
  }
  MarkDirty();
}

size_t Connection::TakePreface(const uint8_t* bytes, size_t size) {
  const std::string_view expected = kClientPreface.substr(preface_bytes_);
  const size_t taken = std::min(size, expected.size());
  if (memcmp(bytes, expected.data(), taken) != 0) {
    if (preface_bytes_ == 0) {
      OnForeignPreface(bytes);
    } else {
      Fail({ConnectionClosure::Kind::kProtocolError,
            "the preface of HTTP/2 ends in something else"});
    }
    return size;
  }
  if (preface_bytes_ == 0 && shutdown_started_) AnnounceShutdown();
  preface_bytes_ += taken;
  return taken;
}

// Tells people's common mistakes apart, by the first bytes that came.
void Connection::OnForeignPreface(const uint8_t* bytes) {
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

size_t Connection::TakeHeader(const uint8_t* bytes, size_t size) {
  const uint8_t* header = bytes;
  size_t taken = kFrameHeaderBytes;
  if (header_bytes_ > 0 || size < kFrameHeaderBytes) {
    taken = std::min(size, kFrameHeaderBytes - header_bytes_);
    memcpy(header_ + header_bytes_, bytes, taken);
    header_bytes_ += taken;
    if (header_bytes_ < kFrameHeaderBytes) return taken;
    header = header_;
    header_bytes_ = 0;
  }
  frame_ = ReadFrameHeader(header);
  if (!IsFrameExpected()) return taken;
  const bool data = frame_.type == FrameType::kData;
  if (data) OnDataBegin();
  in_frame_ = frame_.length > 0;
  if (!in_frame_) data ? OnDataEnd() : OnFrame(nullptr);
  return taken;
}

// False: the connection is broken off.
bool Connection::IsFrameExpected() {
  if (frame_.length > kMaxFrameBytes) {
    return BreakOff(kFrameSizeError, "a frame longer than 16 KiB");
  }
  const bool first = !std::exchange(any_frame_, true);
  if (first && (frame_.type != FrameType::kSettings || frame_.has(kFlagAck))) {
    return BreakOff(kProtocolError, "the first frame is not SETTINGS");
  }
  const bool continuation = frame_.type == FrameType::kContinuation;
  if (continuation != block_.open || (continuation && frame_.stream != block_.stream)) {
    return BreakOff(kProtocolError, "a header block is not one series of frames");
  }
  return true;
}

size_t Connection::TakePayload(const uint8_t* bytes, size_t size) {
  if (frame_.type == FrameType::kData) {
    const size_t taken = OnDataBytes(bytes, size);
    if (data_left_ > 0) return taken;
    in_frame_ = false;
    OnDataEnd();
    return taken;
  }
  if (payload_.empty() && size >= frame_.length) {  // no need to copy it
    in_frame_ = false;
    OnFrame(bytes);
    return frame_.length;
  }
  const size_t taken = std::min(size, frame_.length - payload_.size());
  payload_.insert(payload_.end(), bytes, bytes + taken);
  if (payload_.size() == frame_.length) {
    in_frame_ = false;
    const std::vector<uint8_t> payload = std::exchange(payload_, {});
    OnFrame(payload.data());
  }
  return taken;
}

}  // namespace praefect::http2
