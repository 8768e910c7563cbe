// What a peer's frames do, but for those that carry a call (data.cc, blocks.cc).

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http2/connection.h"

namespace praefect::http2 {

void Connection::OnFrame(const uint8_t* payload) {
  switch (frame_.type) {
    case FrameType::kHeaders:
      return OnHeaders(payload);
    case FrameType::kContinuation:
      return OnContinuation(payload);
    case FrameType::kRstStream:
      return OnRstStream(payload);
    case FrameType::kSettings:
      return OnSettings(payload);
    case FrameType::kPing:
      return OnPing(payload);
    case FrameType::kGoaway:
      return OnGoaway(payload);
    case FrameType::kWindowUpdate:
      return OnWindowUpdate(payload);
    case FrameType::kPriority:  // says nothing any more (5.3.2)
      if (frame_.stream == 0) BreakOff(kProtocolError, "PRIORITY of no stream");
      if (frame_.length != 5) BreakOff(kFrameSizeError, "PRIORITY of a wrong size");
      return;
    case FrameType::kPushPromise:
      BreakOff(kProtocolError, "PUSH_PROMISE, which nobody may send here");
      return;
    default:
      return;  // frames of other documents are ignored (4.1)
  }
}

// A stream that nobody has opened.
bool Connection::IsIdle(uint32_t stream) const {
  if (stream % 2 == 0) return true;  // pushes, which there are none of
  return side_ == Side::kServer ? stream > last_peer_id_ : stream >= next_id_;
}

// The peer's mistake. Making us reset streams must not be cheaper than resetting them.
void Connection::StreamError(uint32_t stream, uint32_t error_code) {
  PutNumber(FrameType::kRstStream, stream, error_code);
  if (Stream* open = Find(stream)) {
    StreamClosure closure;
    closure.error_code = error_code;
    CloseStream(*open, closure);
  }
  if (!resets_.Take(loop_.now_ms())) Flooded("RST_STREAM", "resets");
}

void Connection::Flooded(std::string_view what, std::string_view limit) {
  Terminate(kEnhanceYourCalm,
            {ConnectionClosure::Kind::kFlood, fmt::format("too many {} frames", what), limit});
}

void Connection::OnRstStream(const uint8_t* payload) {
  if (frame_.length != 4) return (void)BreakOff(kFrameSizeError, "RST_STREAM of a wrong size");
  if (frame_.stream == 0 || IsIdle(frame_.stream)) {
    return (void)BreakOff(kProtocolError, "RST_STREAM of a stream that was never open");
  }
  if (Stream* stream = Find(frame_.stream)) {
    StreamClosure closure;
    closure.error_code = Read32(payload);
    closure.never_taken = closure.error_code == kRefusedStream;
    CloseStream(*stream, closure);
  }
  if (!resets_.Take(loop_.now_ms())) Flooded("RST_STREAM", "resets");
}

void Connection::OnSettings(const uint8_t* payload) {
  if (frame_.stream != 0) return (void)BreakOff(kProtocolError, "SETTINGS of a stream");
  if (frame_.has(kFlagAck)) {
    return OnSettingsAcknowledged();
  }
  if (frame_.length % 6 != 0) return (void)BreakOff(kFrameSizeError, "SETTINGS of a wrong size");
  if (!std::exchange(peer_settings_, true)) peer_max_streams_ = kMaxStreamId;  // if it says nothing
  int64_t stream_window = peer_stream_window_;
  for (const uint8_t* entry = payload; entry != payload + frame_.length; entry += 6) {
    const uint32_t value = Read32(entry + 2);
    switch (static_cast<Setting>(Read16(entry))) {
      case Setting::kHeaderTableSize:
        encoder_.SetTableSize(value);
        break;
      case Setting::kEnablePush:
        if (value > 1 || (value == 1 && side_ == Side::kClient)) {
          return (void)BreakOff(kProtocolError, "SETTINGS that enable pushes");
        }
        break;
      case Setting::kMaxConcurrentStreams:
        peer_max_streams_ = value;
        break;
      case Setting::kInitialWindowSize:
        if (value > kMaxWindow) return (void)BreakOff(kFlowControlError, "a window above 2^31 - 1");
        stream_window = value;
        break;
      case Setting::kMaxFrameSize:  // we send no larger ones than the smallest that may be asked
                                    // for
        if (value < kMaxFrameBytes || value >= 1 << 24) {
          return (void)BreakOff(kProtocolError, "a frame size that may not be asked for");
        }
        break;
      default:
        break;
    }
  }
  if (!SetPeerWindow(stream_window)) return;
  const FrameHeader acknowledgement{0, FrameType::kSettings, kFlagAck, 0};
  uint8_t frame[kFrameHeaderBytes];
  WriteFrameHeader(frame, acknowledgement);
  PutControl(frame, sizeof frame);
  waiting_answers_++;
  if (!settings_.Take(loop_.now_ms())) Flooded("SETTINGS", "settings");
}

void Connection::OnSettingsAcknowledged() {
  if (frame_.length != 0) {
    return (void)BreakOff(kFrameSizeError, "an acknowledgement of SETTINGS with content");
  }
  if (confirming_.empty()) {
    return (void)BreakOff(kProtocolError, "an acknowledgement of SETTINGS that were not sent");
  }
  const auto confirmed = std::move(confirming_.front());
  confirming_.pop_front();
  for (const auto& call : confirmed) call();
}

// The windows of streams that are open change by the difference (6.9.2).
bool Connection::SetPeerWindow(int64_t bytes) {
  const int64_t difference = bytes - std::exchange(peer_stream_window_, bytes);
  if (difference == 0) return true;
  for (Stream* stream = streams_; stream != nullptr; stream = stream->next_) {
    stream->send_window_ += difference;
    if (stream->send_window_ > kMaxWindow) {
      return BreakOff(kFlowControlError, "a stream's window above 2^31 - 1");
    }
    Queue(*stream);
  }
  return true;
}

void Connection::OnPing(const uint8_t* payload) {
  if (frame_.stream != 0) return (void)BreakOff(kProtocolError, "PING of a stream");
  if (frame_.length != kPingBytes) return (void)BreakOff(kFrameSizeError, "PING of a wrong size");
  if (!frame_.has(kFlagAck)) {
    PutPing(kFlagAck, payload);
    waiting_answers_++;
    if (!pings_received_.Take(loop_.now_ms())) Flooded("PING", "pings");
    return;
  }
  const bool ours =
      !pings_.empty() && Read32(payload) == 0 && Read32(payload + 4) == pings_answered_;
  if (!ours) return;  // to what nobody asked
  pings_answered_++;
  auto callback = std::move(pings_.front());
  pings_.pop_front();
  callback();
}

void Connection::OnGoaway(const uint8_t* payload) {
  if (frame_.stream != 0) return (void)BreakOff(kProtocolError, "GOAWAY of a stream");
  if (frame_.length < 8) return (void)BreakOff(kFrameSizeError, "GOAWAY of a wrong size");
  if (!std::exchange(goaway_received_, true)) owner_.OnGoaway(*this);
  if (side_ == Side::kServer) return;
  GiveBackWaiting();
  const uint32_t last = Read32(payload) & kMaxStreamId;
  std::vector<uint32_t> never_taken;
  for (const auto& [id, stream] : open_) {
    if (id > last) never_taken.push_back(id);
  }
  std::sort(never_taken.begin(), never_taken.end());
  StreamClosure closure;
  closure.error_code = kRefusedStream;
  closure.never_taken = true;
  for (uint32_t id : never_taken) {
    if (Stream* stream = Find(id)) CloseStream(*stream, closure);
  }
}

void Connection::OnWindowUpdate(const uint8_t* payload) {
  if (frame_.length != 4) return (void)BreakOff(kFrameSizeError, "WINDOW_UPDATE of a wrong size");
  const int64_t bytes = Read32(payload) & kMaxStreamId;
  if (frame_.stream == 0) {
    if (bytes == 0) return (void)BreakOff(kProtocolError, "WINDOW_UPDATE by nothing");
    send_window_ += bytes;
    if (send_window_ > kMaxWindow) BreakOff(kFlowControlError, "a window above 2^31 - 1");
    return;
  }
  if (IsIdle(frame_.stream)) {
    return (void)BreakOff(kProtocolError, "WINDOW_UPDATE of a stream that was never open");
  }
  Stream* stream = Find(frame_.stream);
  if (stream == nullptr) return;
  if (bytes == 0) return StreamError(frame_.stream, kProtocolError);
  stream->send_window_ += bytes;
  if (stream->send_window_ > kMaxWindow) return StreamError(frame_.stream, kFlowControlError);
  Queue(*stream);
}

}  // namespace praefect::http2
