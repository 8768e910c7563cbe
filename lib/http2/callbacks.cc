#include "http2/callbacks.h"

#include <algorithm>
#include <utility>

namespace praefect::http2 {
namespace {

constexpr size_t kFrameHeader = 9;  // bytes
// A stream of which only less leaves at a time has stalled: its reader takes bytes one by one.
constexpr size_t kDrainingFrame = 1 << 10;

Stream* Find(nghttp2_session* session, int32_t id) {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

}  // namespace

Connection& Callbacks::Self(void* user) { return *static_cast<Connection*>(user); }

int Callbacks::OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  Connection& c = Self(user);
  if (c.side_ == Connection::Side::kServer && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    Stream* stream = c.NewStream();
    stream->id_ = frame->hd.stream_id;
    c.in_session_++;
    nghttp2_session_set_stream_user_data(session, stream->id_, stream);
  }
  return 0;
}

int Callbacks::OnHeader(nghttp2_session* session, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                        nghttp2_rcbuf* value, uint8_t flags, void* user) {
  Stream* stream = Find(session, frame->hd.stream_id);
  if (frame->hd.type != NGHTTP2_HEADERS || stream == nullptr) return 0;
  const ConnectionOptions& options = Self(user).options_;
  // As RFC 9113 counts a header list, 6.5.2.
  stream->received_bytes_ +=
      nghttp2_rcbuf_get_buf(name).len + nghttp2_rcbuf_get_buf(value).len + 32;
  if (stream->received_.size() >= options.max_header_fields ||
      stream->received_bytes_ > options.max_header_list_bytes) {
    stream->headers_too_large_ = true;
    return 0;
  }
  if (stream->received_.empty()) stream->received_.Reserve(24);
  stream->received_.AddShared(name, value, (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0);
  return 0;
}

int Callbacks::OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  Connection& c = Self(user);
  bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (Stream* s = Find(session, frame->hd.stream_id); s != nullptr) OnHeaderBlock(c, *s, end);
      break;
    case NGHTTP2_DATA:
      if (!end && frame->hd.length == frame->data.padlen) {  // padding counts as nothing
        if (!c.empty_frames_.Take(c.loop_.now_ms())) c.Flooded("empty DATA", "empty_frames");
      }
      if (Stream* s = Find(session, frame->hd.stream_id); s != nullptr && end) {
        s->peer_ended_ = true;
        if (s->listener_ != nullptr) s->listener_->OnEnd({});
      }
      break;
    case NGHTTP2_RST_STREAM:
      if (!c.resets_.Take(c.loop_.now_ms())) c.Flooded("RST_STREAM", "resets");
      break;
    case NGHTTP2_SETTINGS:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        OnSettingsAcknowledged(c);
        break;
      }
      c.peer_settings_ = true;
      if (!c.settings_.Take(c.loop_.now_ms())) c.Flooded("SETTINGS", "settings");
      break;
    case NGHTTP2_PING:
      OnPing(c, (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0);
      break;
    case NGHTTP2_GOAWAY:
      if (!c.goaway_received_) {
        c.goaway_received_ = true;
        c.owner_.OnGoaway(c);
        c.GiveBackUnsent();
      }
      break;
    default:
      break;
  }
  return 0;
}

// nghttp2 refuses a stream beyond the limit, or gives the connection up once the peer has been told
// of the limit; it does not say that this is why.
int Callbacks::OnInvalidFrame(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
  Connection& c = Self(user);
  const bool request = c.side_ == Connection::Side::kServer && frame->hd.type == NGHTTP2_HEADERS &&
                       frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  const bool full = c.in_session_ >= c.options_.max_concurrent_streams;
  if (request && (error == NGHTTP2_ERR_REFUSED_STREAM || full)) c.streams_refused_++;
  // What a client makes us reset costs us as much as what it resets itself.
  if (c.side_ == Connection::Side::kServer && !c.resets_.Take(c.loop_.now_ms())) {
    c.Flooded("refused", "resets");
  }
  return 0;
}

void Callbacks::OnPing(Connection& c, bool acknowledgement) {
  if (!acknowledgement) {
    if (!c.pings_received_.Take(c.loop_.now_ms())) c.Flooded("PING", "pings");
    return;
  }
  if (c.pings_.empty()) return;
  auto callback = std::move(c.pings_.front());
  c.pings_.erase(c.pings_.begin());
  callback();
}

void Callbacks::OnSettingsAcknowledged(Connection& c) {
  if (c.confirming_.empty()) return;  // nghttp2 ends the connection
  const auto confirmed = std::move(c.confirming_.front());
  c.confirming_.pop_front();
  for (const auto& call : confirmed) call();
}

void Callbacks::OnHeaderBlock(Connection& c, Stream& stream, bool end) {
  HeaderList headers = std::move(stream.received_);
  stream.received_bytes_ = 0;
  if (end) stream.peer_ended_ = true;
  if (c.side_ == Connection::Side::kServer) {
    if (stream.got_headers_) {  // a client's trailers; gRPC clients send none
      if (stream.listener_ != nullptr) stream.listener_->OnEnd(std::move(headers));
      return;
    }
    stream.got_headers_ = true;
    c.owner_.OnRequest(stream, std::move(headers), end, stream.headers_too_large_);
    return;
  }
  c.keepalive_.OnAnswer();
  if (stream.listener_ == nullptr) return;
  if (stream.headers_too_large_) {  // what was cut may be the status
    StreamListener* listener = stream.listener_;
    stream.Reset(kEnhanceYourCalm);
    StreamClosure closure;
    closure.error_code = kEnhanceYourCalm;
    return listener->OnClosed(closure);
  }
  if (stream.got_headers_) {
    stream.listener_->OnEnd(std::move(headers));
    return;
  }
  std::string_view status = headers.Get(":status");
  if (!status.empty() && status[0] == '1') return;  // informational
  stream.got_headers_ = true;
  stream.listener_->OnHeaders(std::move(headers), end);
}

int Callbacks::OnDataChunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data,
                           size_t size, void* user) {
  Connection& c = Self(user);
  nghttp2_session_consume_connection(session, size);
  c.keepalive_.OnAnswer();
  Stream* stream = Find(session, id);
  if (stream != nullptr && stream->listener_ != nullptr) {
    stream->listener_->OnData(Slice(c.receiving_, data, size));
  }
  return 0;
}

int Callbacks::BeforeFrameSend(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  Connection& c = Self(user);
  c.framed_ = nullptr;
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  Stream* stream = Find(session, frame->hd.stream_id);
  if (stream == nullptr) return 0;
  if (stream->headers_offset_ == Stream::kNotSent) stream->headers_offset_ = c.output_total_;
  if (stream->gate_ != nullptr) c.framed_ = stream;
  return 0;
}

int Callbacks::OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  if (frame->hd.type == NGHTTP2_GOAWAY) Self(user).OnGoawaySent();
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  Stream* stream = Find(session, frame->hd.stream_id);
  if (stream == nullptr) return 0;
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
    // Trailers that follow headers at once wait for no window, see SendTrailers.
    if (stream->output_.empty() && !stream->sent_trailers_.empty()) stream->SubmitTrailers();
    return 0;
  }
  // A server that is done before its client tells it so (RFC 9113, 8.1).
  if (Self(user).side_ == Connection::Side::kServer && !stream->peer_ended_) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
  }
  return 0;
}

int Callbacks::OnStreamClose(nghttp2_session* session, int32_t id, uint32_t error_code,
                             void* user) {
  Connection& c = Self(user);
  Stream* stream = Find(session, id);
  if (stream == nullptr) return 0;
  nghttp2_session_set_stream_user_data(session, id, nullptr);
  if (StreamListener* listener = std::exchange(stream->listener_, nullptr)) {
    StreamClosure closure;
    closure.error_code = error_code;
    bool refused = error_code == NGHTTP2_REFUSED_STREAM;
    closure.never_taken = refused || stream->headers_offset_ == Stream::kNotSent;
    listener->OnClosed(closure);
  }
  c.FreeStream(stream);
  return 0;
}

ssize_t Callbacks::ReadLength(nghttp2_session*, uint8_t, int32_t, int32_t connection_window,
                              int32_t stream_window, uint32_t max_frame, void*) {
  return std::min<int64_t>({connection_window, stream_window, max_frame});
}

ssize_t Callbacks::ReadOutput(nghttp2_session* session, int32_t id, uint8_t*, size_t room,
                              uint32_t* flags, nghttp2_data_source*, void* user) {
  Stream* stream = Find(session, id);
  if (stream == nullptr) return NGHTTP2_ERR_DEFERRED;
  size_t queued = stream->output_.bytes();
  if (stream->trailers_submitted_) return NGHTTP2_ERR_DEFERRED;
  if (queued == 0 && !stream->output_ended_) {
    stream->deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  size_t size = std::min(queued, room);
  stream->promised_ = size;
  // Without bytes of its own nghttp2 gives the frame out itself.
  Self(user).framed_ = size == 0 && stream->gate_ != nullptr ? stream : nullptr;
  if (size > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (size == queued && stream->output_ended_) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream->sent_trailers_.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      stream->SubmitTrailers();
    }
  }
  return static_cast<ssize_t>(size);
}

int Callbacks::SendData(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* header,
                        size_t size, nghttp2_data_source*, void* user) {
  Connection& c = Self(user);
  Stream* stream = Find(session, frame->hd.stream_id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (c.output_.bytes() >= c.options_.max_output_bytes) return NGHTTP2_ERR_WOULDBLOCK;
  const uint64_t begin = c.output_total_;
  c.PutCopy(header, kFrameHeader);
  c.PutSlices(stream->output_, size);
  if (stream->gate_ != nullptr) c.gated_.Add(stream->gate_, false, begin, c.output_total_);
  stream->promised_ = 0;
  if (size >= kDrainingFrame) stream->drained_since_sweep_ = true;
  if (stream->output_.empty() && !stream->sent_trailers_.empty()) stream->SubmitTrailers();
  if (stream->listener_ != nullptr) stream->listener_->OnDrained(size);
  return 0;
}

nghttp2_session_callbacks* Callbacks::Make() {
  nghttp2_session_callbacks* made;
  nghttp2_session_callbacks_new(&made);
  nghttp2_session_callbacks_set_on_begin_headers_callback(made, OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback2(made, OnHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(made, OnFrame);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, OnInvalidFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, OnDataChunk);
  nghttp2_session_callbacks_set_before_frame_send_callback(made, BeforeFrameSend);
  nghttp2_session_callbacks_set_on_frame_send_callback(made, OnFrameSent);
  nghttp2_session_callbacks_set_on_stream_close_callback(made, OnStreamClose);
  nghttp2_session_callbacks_set_data_source_read_length_callback(made, ReadLength);
  nghttp2_session_callbacks_set_send_data_callback(made, SendData);
  return made;
}

}  // namespace praefect::http2
