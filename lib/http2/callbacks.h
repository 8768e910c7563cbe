#pragma once

// nghttp2's side of a connection: what it calls. Internal to this module.

#include <nghttp2/nghttp2.h>

#include "http2/connection.h"

namespace praefect::http2 {

// The fields of a header block as nghttp2 wants them.
struct FieldArray {
  std::vector<nghttp2_nv> fields;
  const nghttp2_nv* data() const { return fields.data(); }
  size_t size() const { return fields.size(); }
};

// `user` is the connection. Everything runs inside nghttp2_session_mem_recv or _mem_send.
struct Callbacks {
  // One table for the process; nghttp2 copies it into each session.
  static nghttp2_session_callbacks* Make();
  // The data provider of every stream: how much of its queue the next DATA frame carries.
  static ssize_t ReadOutput(nghttp2_session* session, int32_t id, uint8_t*, size_t room,
                            uint32_t* flags, nghttp2_data_source*, void* user);

 private:
  static Connection& Self(void* user);
  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                      nghttp2_rcbuf* value, uint8_t flags, void* user);
  static int OnInvalidFrame(nghttp2_session* session, const nghttp2_frame* frame, int error,
                            void* user);
  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static void OnPing(Connection& c, bool acknowledgement);
  static void OnSettingsAcknowledged(Connection& c);
  static void OnHeaderBlock(Connection& c, Stream& stream, bool end);
  static int OnDataChunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data,
                         size_t size, void* user);
  static int BeforeFrameSend(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int OnStreamClose(nghttp2_session* session, int32_t id, uint32_t error_code, void* user);
  static ssize_t ReadLength(nghttp2_session*, uint8_t, int32_t, int32_t connection_window,
                            int32_t stream_window, uint32_t max_frame, void*);
  static int SendData(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* header,
                      size_t size, nghttp2_data_source*, void* user);
};

}  // namespace praefect::http2
