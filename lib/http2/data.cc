// DATA frames: passed on in the pieces that come, and counted against the windows.

#include <algorithm>
#include <utility>

#include "http2/connection.h"

namespace praefect::http2 {

void Connection::OnDataBegin() {
  data_left_ = frame_.length;
  padding_left_ = 0;
  padding_known_ = !frame_.has(kFlagPadded);
  if (IsIdle(frame_.stream)) {
    return (void)BreakOff(kProtocolError, "DATA of a stream that was never open");
  }
  if (!padding_known_ && frame_.length == 0) {
    return (void)BreakOff(kFrameSizeError, "padded DATA without room for it");
  }
  if (receive_credit_ + frame_.length > ConnectionWindow()) {
    return (void)BreakOff(kFlowControlError, "more DATA than the connection's window");
  }
  keepalive_.OnAnswer();
  CreditConnection(frame_.length);
  if (frame_.length == 0) OnEmptyData();
  Stream* stream = Find(frame_.stream);
  if (stream == nullptr) return;  // it ended; what was under way is dropped
  if (stream->peer_ended_) return StreamError(frame_.stream, kStreamClosed);
  if (!stream->got_headers_) return StreamError(frame_.stream, kProtocolError);
  stream->receive_window_ -= frame_.length;
  // Who has not seen our SETTINGS yet may believe in the default.
  const int64_t early = std::max(int64_t{kDefaultWindow} - options_.stream_window, int64_t{0});
  if (stream->receive_window_ < -early) StreamError(frame_.stream, kFlowControlError);
}

// Returns how many it took.
size_t Connection::OnDataBytes(const uint8_t* bytes, size_t size) {
  if (!padding_known_) {
    TakePaddingLength(bytes[0]);
    return 1;
  }
  const size_t content = std::min<size_t>(size, data_left_ - padding_left_);
  if (content > 0) {
    data_left_ -= static_cast<uint32_t>(content);
    OnContent(bytes, content);
    return content;
  }
  const size_t padding = std::min<size_t>(size, data_left_);
  data_left_ -= static_cast<uint32_t>(padding);
  padding_left_ -= static_cast<uint32_t>(padding);
  return padding;
}

void Connection::TakePaddingLength(uint8_t length) {
  padding_known_ = true;
  data_left_--;
  padding_left_ = length;
  if (padding_left_ > data_left_) {
    padding_left_ = data_left_;
    return (void)BreakOff(kProtocolError, "more padding than the frame is long");
  }
  if (padding_left_ == data_left_) OnEmptyData();
  // Listeners give credit for what they are given.
  if (Stream* stream = Find(frame_.stream)) stream->Credit(size_t{length} + 1);
}

void Connection::OnEmptyData() {
  if (frame_.has(kFlagEndStream) || empty_frames_.Take(loop_.now_ms())) return;
  Flooded("empty DATA", "empty_frames");
}

void Connection::OnContent(const uint8_t* bytes, size_t size) {
  Stream* stream = Find(frame_.stream);
  if (stream == nullptr) return;
  if (stream->content_left_ != HeaderRules::kNoLength) {
    stream->content_left_ -= static_cast<int64_t>(size);
    if (stream->content_left_ < 0) return StreamError(frame_.stream, kProtocolError);
  }
  if (stream->listener_ != nullptr) stream->listener_->OnData(Slice(receiving_, bytes, size));
}

void Connection::OnDataEnd() {
  if (!frame_.has(kFlagEndStream) || terminating_) return;
  if (Stream* stream = Find(frame_.stream)) OnPeerEnd(*stream, {});
}

void Connection::OnPeerEnd(Stream& stream, HeaderList trailers) {
  if (stream.content_left_ > 0) return StreamError(stream.id_, kProtocolError);
  stream.peer_ended_ = true;
  if (stream.listener_ != nullptr) stream.listener_->OnEnd(std::move(trailers));
  if (stream.end_sent_ && !stream.closed_) CloseStream(stream, {});
}

uint32_t Connection::ConnectionWindow() const {
  return std::max(options_.connection_window, kDefaultWindow);
}

void Connection::CreditConnection(size_t bytes) {
  receive_credit_ += bytes;
  if (receive_credit_ < ConnectionWindow() / 2) return;
  PutNumber(FrameType::kWindowUpdate, 0, static_cast<uint32_t>(receive_credit_));
  receive_credit_ = 0;
}

}  // namespace praefect::http2
