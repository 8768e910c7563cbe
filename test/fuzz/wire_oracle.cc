#include "fuzz/wire_oracle.h"

#include <algorithm>

#include "fuzz/require.h"

namespace praefect::fuzz {
namespace {

constexpr uint8_t kEndStream = 0x1;
constexpr uint8_t kPadded = 0x8;
constexpr uint8_t kAck = 0x1;
constexpr uint16_t kInitialWindowSize = 0x4;
constexpr uint16_t kMaxFrameSize = 0x5;
constexpr uint32_t kRefusedStream = 0x7;
constexpr size_t kSettingBytes = 6;

bool MaySend(uint8_t type) {
  return type == kData || type == kHeaders || type == kRstStream || type == kSettings ||
         type == kPing || type == kGoaway || type == kWindowUpdate || type == kContinuation;
}

}  // namespace

void WireOracle::Received(std::string_view bytes) {
  received_.Feed(bytes, [this](const Frame& frame) { OnReceived(frame); });
}

void WireOracle::OnReceived(const Frame& frame) {
  switch (frame.type) {
    case kSettings:
      for (size_t at = 0; (frame.flags & kAck) == 0 && at + kSettingBytes <= frame.payload.size();
           at += kSettingBytes) {
        const uint32_t value = ReadU32(frame.payload, at + 2);
        const auto key = static_cast<uint16_t>(static_cast<uint8_t>(frame.payload[at]) << 8 |
                                               static_cast<uint8_t>(frame.payload[at + 1]));
        if (key == kInitialWindowSize) initial_window_ = std::max<int64_t>(initial_window_, value);
        if (key == kMaxFrameSize) max_frame_ = std::max(max_frame_, value);
      }
      break;
    case kWindowUpdate:
      (frame.stream == 0 ? granted_ : streams_[frame.stream].granted) +=
          ReadU32(frame.payload, 0) & 0x7fffffff;
      break;
    case kRstStream:
      if (ReadU32(frame.payload, 0) == kRefusedStream) streams_[frame.stream].refused = true;
      break;
    case kGoaway:
      goaway_below_ = std::min(goaway_below_, ReadU32(frame.payload, 0) & 0x7fffffff);
      break;
    default:
      break;
  }
}

void WireOracle::Sent(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!sent_anything_) http1_ = server_ && bytes.substr(0, 8) == "HTTP/1.1";
  sent_anything_ = true;
  if (!http1_) sent_.Feed(bytes, [this](const Frame& frame) { OnSent(frame); });
}

void WireOracle::OnSent(const Frame& frame) {
  Require(MaySend(frame.type), "only frames of the types that we use are sent");
  Require(frame.payload.size() <= max_frame_, "no frame is longer than the other side takes");
  if (frame.stream == 0) {
    return Require(frame.type != kData && frame.type != kHeaders && frame.type != kRstStream,
                   "frames of streams name theirs");
  }
  Stream& stream = streams_[frame.stream];
  if (frame.type == kHeaders || frame.type == kData) {
    Require(!stream.ended, "nothing follows the end of a stream");
    Require(stream.gate == nullptr || stream.gate->open, "nothing passes a gate that is shut");
  }
  if (frame.type == kHeaders) stream.headers_sent = true;
  if (frame.type == kData) OnSentData(frame, stream);
  const bool may_end = frame.type == kHeaders || frame.type == kData;
  if ((may_end && (frame.flags & kEndStream) != 0) || frame.type == kRstStream) stream.ended = true;
}

void WireOracle::OnSentData(const Frame& frame, Stream& stream) {
  const size_t size = frame.payload.size();
  Require(stream.headers_sent, "headers come before data");
  Require((frame.flags & kPadded) == 0, "data is not padded");
  data_sent_ += static_cast<int64_t>(size);
  Require(data_sent_ <= granted_ || size == 0, "the connection's credit is kept to");
  const bool in_credit =
      static_cast<int64_t>(stream.sent + size) <= initial_window_ + stream.granted;
  Require(in_credit || size == 0, "the stream's credit is kept to");
  Require(stream.queued.compare(stream.sent, size, frame.payload) == 0,
          "a stream's bytes leave as they were queued");
  stream.sent += size;
}

bool WireOracle::MayBeNeverTaken(uint32_t stream) const {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || !found->second.headers_sent || found->second.refused) return true;
  return stream > goaway_below_;
}

}  // namespace praefect::fuzz
