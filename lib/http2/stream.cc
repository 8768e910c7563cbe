// What a call does with its stream.

#include "http2/stream.h"

#include <utility>

#include "http2/connection.h"

namespace praefect::http2 {

void Stream::SendHeaders(HeaderList headers, bool end) {
  sent_headers_ = std::move(headers);
  has_headers_ = true;
  output_ended_ = end;
  connection_.Queue(*this);
  connection_.MarkDirty();
}

// Of a peer that sends bytes one by one each would cost more than its slice is long.
void Stream::SendData(Slice data) {
  constexpr size_t kMostToCopy = 512, kSlicesBeforeCopies = 16;
  if (data.size() <= kMostToCopy && output_.count() >= kSlicesBeforeCopies) {
    output_.PushCopy(connection_.buffers_.control, data.data(), data.size());
  } else {
    output_.Push(std::move(data));
  }
  connection_.Queue(*this);
  connection_.MarkDirty();
}

void Stream::SendEnd() {
  output_ended_ = true;
  connection_.Queue(*this);
  connection_.MarkDirty();
}

void Stream::SendTrailers(HeaderList trailers) {
  sent_trailers_ = std::move(trailers);
  SendEnd();
}

// Told to the peer by the half window, so that not every message costs a frame.
void Stream::Credit(size_t bytes) {
  credit_ += bytes;
  if (credit_ < receive_limit_ / 2 || peer_ended_ || closed_) return;
  connection_.PutNumber(FrameType::kWindowUpdate, id_, static_cast<uint32_t>(credit_));
  receive_window_ += static_cast<int64_t>(std::exchange(credit_, 0));
  connection_.MarkDirty();
}

void Stream::GrowWindow(uint32_t bytes) {
  if (bytes <= receive_limit_ || peer_ended_ || closed_) return;
  const uint32_t more = bytes - std::exchange(receive_limit_, bytes);
  connection_.PutNumber(FrameType::kWindowUpdate, id_, more);
  receive_window_ += more;
  connection_.MarkDirty();
}

void Stream::Reset(uint32_t error_code) {
  if (closed_) return;
  const bool known = connection_.side_ == Connection::Side::kServer || headers_offset_ != kNotSent;
  const bool over = peer_ended_ && end_sent_;
  if (known && !over) connection_.PutNumber(FrameType::kRstStream, id_, error_code);
  output_.Clear();
  connection_.Unlink(*this);
  connection_.MarkDirty();
}

}  // namespace praefect::http2
