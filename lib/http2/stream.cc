#include "http2/connection.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <utility>

namespace praefect::http2 {

void Stream::Resume() {
  if (deferred_) {
    deferred_ = false;
    nghttp2_session_resume_data(connection_.session_, id_);
  }
  connection_.MarkDirty();
}

void Stream::SendEnd() {
  output_ended_ = true;
  Resume();
}

void Stream::SendTrailers(HeaderList trailers) {
  sent_trailers_ = std::move(trailers);
  output_ended_ = true;
  // Trailers need no window, but nghttp2 asks for the end of the data only when there is one.
  if (output_.empty() && headers_offset_ != kNotSent) SubmitTrailers();
  Resume();
}

void Stream::Credit(size_t bytes) {
  nghttp2_session_consume_stream(connection_.session_, id_, bytes);
  connection_.MarkDirty();
}

void Stream::GrowWindow(uint32_t bytes) {
  nghttp2_session_set_local_window_size(connection_.session_, NGHTTP2_FLAG_NONE, id_,
                                        static_cast<int32_t>(bytes));
  connection_.MarkDirty();
}

void Stream::Reset(uint32_t error_code) {
  listener_ = nullptr;
  DropUnsent();
  if (id_ >= 0) {  // else it has not begun, and never will
    nghttp2_submit_rst_stream(connection_.session_, NGHTTP2_FLAG_NONE, id_, error_code);
  }
  connection_.MarkDirty();
}

SliceQueue Stream::TakeUnsent() { return std::exchange(output_, SliceQueue()); }

void Stream::DropUnsent() {
  SliceQueue kept;
  while (kept.bytes() < promised_) {
    size_t n = std::min(output_.front().size(), promised_ - kept.bytes());
    kept.Push(output_.front().First(n));
    output_.Consume(n);
  }
  output_ = std::move(kept);
}

}  // namespace praefect::http2
