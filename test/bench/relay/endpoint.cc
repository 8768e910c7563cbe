#include "relay/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>
#include <vector>

namespace praefect::bench {
namespace {

constexpr size_t kReadBytes = 256 << 10;
constexpr size_t kOutputBytes = 256 << 10;  // nothing more is taken from the session then
constexpr size_t kFrameHeaderBytes = 9;

SSL* NewTls(SSL_CTX* context, int fd, Endpoint::Side side) {
  if (context == nullptr) return nullptr;
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (side == Endpoint::Side::kServer) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
  }
  return ssl;
}

std::string_view Text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

struct Endpoint::Callbacks {
  static Endpoint& Self(void* user) { return *static_cast<Endpoint*>(user); }
  static EndpointStream* Of(nghttp2_session* session, int32_t id) {
    return static_cast<EndpointStream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    EndpointStream* stream = Self(user).OnRequest();
    stream->id = frame->hd.stream_id;
    return nghttp2_session_set_stream_user_data(session, stream->id, stream);
  }
  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* user) {
    EndpointStream* stream = Of(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    Self(user).OnHeader(*stream, Text(name, name_size), Text(value, value_size));
    return 0;
  }
  static int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size,
                    void* user) {
    if (Self(user).manual_credit_) nghttp2_session_consume_connection(session, size);
    EndpointStream* stream = Of(session, id);
    if (stream != nullptr) Self(user).OnData(*stream, data, size);
    return 0;
  }
  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    EndpointStream* stream = Of(session, frame->hd.stream_id);
    if (stream != nullptr) Self(user).OnEnd(*stream);
    return 0;
  }
  static int OnStreamClose(nghttp2_session* session, int32_t id, uint32_t error, void* user) {
    EndpointStream* stream = Of(session, id);
    if (stream == nullptr) return 0;
    nghttp2_session_set_stream_user_data(session, id, nullptr);
    Self(user).OnClosed(*stream, error);
    return 0;
  }
  static ssize_t ReadBody(nghttp2_session* session, int32_t id, uint8_t*, size_t room,
                          uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& stream = *static_cast<EndpointStream*>(source->ptr);
    const uint64_t available = stream.out.available();
    if (available == 0 && !stream.out.ended()) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    const size_t taken = std::min<uint64_t>(available, room);
    if (taken < available || !stream.out.ended()) return static_cast<ssize_t>(taken);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream.trailers != nullptr) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      nghttp2_submit_trailer(session, id, stream.trailers, stream.trailer_count);
    }
    return static_cast<ssize_t>(taken);
  }
  static int SendData(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* header,
                      size_t size, nghttp2_data_source*, void* user) {
    Endpoint& self = Self(user);
    if (self.output_.size() >= kOutputBytes) return NGHTTP2_ERR_WOULDBLOCK;
    EndpointStream* stream = Of(session, frame->hd.stream_id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    self.output_.append(Text(header, kFrameHeaderBytes));
    stream->out.AppendTo(self.output_, size);
    return 0;
  }

  static nghttp2_session_callbacks* Make() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, OnBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClose);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, SendData);
    return callbacks;
  }
};

Endpoint::Endpoint(Poller& poller, int fd, SSL_CTX* tls, Side side, const EndpointOptions& options)
    : poller_(poller), fd_(fd), ssl_(NewTls(tls, fd, side)), manual_credit_(options.manual_credit) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

  static nghttp2_session_callbacks* const callbacks = Callbacks::Make();
  nghttp2_option* session_options = nullptr;
  nghttp2_option_new(&session_options);
  nghttp2_option_set_peer_max_concurrent_streams(session_options, 100'000);
  nghttp2_option_set_no_closed_streams(session_options, 1);
  nghttp2_option_set_no_auto_window_update(session_options, manual_credit_ ? 1 : 0);
  nghttp2_option_set_stream_reset_rate_limit(session_options, 1 << 30, 1 << 30);
  if (side == Side::kServer) {
    nghttp2_session_server_new2(&session_, callbacks, this, session_options);
  } else {
    nghttp2_session_client_new2(&session_, callbacks, this, session_options);
  }
  nghttp2_option_del(session_options);

  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100'000}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options.connection_window));
  poller_.Add(fd_, *this);
}

Endpoint::~Endpoint() {
  nghttp2_session_del(session_);
  SSL_free(ssl_);
  poller_.Remove(fd_);
  close(fd_);
}

void Endpoint::Open(EndpointStream& stream, const nghttp2_nv* fields, size_t count) {
  nghttp2_data_provider body{{.ptr = &stream}, Callbacks::ReadBody};
  stream.id = nghttp2_submit_request(session_, nullptr, fields, count, &body, &stream);
  if (stream.id < 0) Break("cannot open a stream: " + std::string(nghttp2_strerror(stream.id)));
}

void Endpoint::Answer(EndpointStream& stream, const nghttp2_nv* fields, size_t count) {
  nghttp2_data_provider body{{.ptr = &stream}, Callbacks::ReadBody};
  nghttp2_submit_response(session_, stream.id, fields, count, &body);
}

void Endpoint::OnReady(bool readable, bool) {
  if (broken()) return;
  if (readable) Read();
  Flush();
}

// One buffer for all connections: what is in it has been taken before this returns.
void Endpoint::Read() {
  static std::vector<uint8_t> buffer(kReadBytes);
  if (ssl_ == nullptr) {
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
    if (size > 0) return void(Receive(buffer.data(), static_cast<size_t>(size)));
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    return Break(size == 0 ? "the other side closed the connection" : strerror(errno));
  }
  while (true) {
    const int size = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
    if (size <= 0) {
      const int error = SSL_get_error(ssl_, size);
      if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
      return Break("TLS: the connection ended");
    }
    if (!Receive(buffer.data(), static_cast<size_t>(size))) return;
  }
}

bool Endpoint::Receive(const uint8_t* data, size_t size) {
  const ssize_t taken = nghttp2_session_mem_recv(session_, data, size);
  if (taken < 0) Break("HTTP/2: " + std::string(nghttp2_strerror(static_cast<int>(taken))));
  return taken >= 0;
}

bool Endpoint::Fill() {
  while (output_.size() < kOutputBytes) {
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) Break("HTTP/2: " + std::string(nghttp2_strerror(static_cast<int>(size))));
    if (size <= 0) break;
    output_.append(Text(data, static_cast<size_t>(size)));
  }
  return !output_.empty();
}

bool Endpoint::Write() {
  while (written_ < output_.size()) {
    const char* data = output_.data() + written_;
    const size_t size = output_.size() - written_;
    const ssize_t sent = ssl_ == nullptr ? send(fd_, data, size, MSG_NOSIGNAL)
                                         : SSL_write(ssl_, data, static_cast<int>(size));
    if (sent <= 0) return false;
    written_ += static_cast<size_t>(sent);
  }
  output_.clear();
  written_ = 0;
  return true;
}

// An error of the socket is found by the next Read.
void Endpoint::Flush() {
  bool blocked = false;
  while (!broken() && !blocked && (!output_.empty() || Fill())) blocked = !Write();
  if (broken() || blocked == wants_writable_) return;
  wants_writable_ = blocked;
  poller_.WantWritable(fd_, *this, blocked);
}

void Endpoint::Break(std::string why) {
  if (broken()) return;
  broken_because_ = std::move(why);
  poller_.Remove(fd_);
  OnBroken();
}

}  // namespace praefect::bench
