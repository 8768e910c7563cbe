#pragma once

// One HTTP/2 connection of a raw peer, either side: nghttp2's HPACK, everything else by hand, so
// that a test can send what no library would. It checks nothing and obeys no window when it sends.

#include <nghttp2/nghttp2.h>

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/raw_http2/frame.h"
#include "support/raw_http2/socket.h"

namespace praefect::test {

// Sending is thread-safe; receiving belongs to one thread. Expect... throw std::runtime_error when
// what they wait for does not come within kPatience.
class RawConnection {
 public:
  explicit RawConnection(Socket socket);
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  void SendBytes(std::string_view bytes);
  void Send(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload = "");
  void SendSettings(const std::vector<std::pair<uint16_t, uint32_t>>& settings);
  void SendHeaders(uint32_t stream, const Fields& fields, bool end_stream = false);
  void SendData(uint32_t stream, std::string_view bytes, bool end_stream = false);
  // A whole gRPC message.
  void SendMessage(uint32_t stream, std::string_view message, bool end_stream = false);
  void Reset(uint32_t stream, uint32_t code);
  void Goaway(uint32_t last_stream, uint32_t code);
  void WindowUpdate(uint32_t stream, uint32_t bytes);
  void Close() { socket_.Shutdown(); }
  // Says that nothing more will be sent; what comes is still read.
  void HalfClose() { socket_.ShutdownWriting(); }
  // Bytes that are no TLS record, in the middle of an encrypted connection.
  void SendBeneathTls(std::string_view bytes) { socket_.WriteBeneathTls(bytes); }

  // The next frame; SETTINGS and PING are acknowledged on the way, DATA is credited. Empty at the
  // end of the connection and after `timeout`.
  std::optional<Frame> Next(std::chrono::milliseconds timeout = kPatience);
  // The next frame of `type` on `stream`; what comes before it on other streams is kept for later,
  // what comes before it on the same one is dropped, but for a reset, which throws.
  Frame Expect(FrameType type, uint32_t stream);
  // The end of the connection; frames before it are dropped.
  void ExpectEnd();
  // False: the caller gives credit itself.
  void set_gives_credit(bool gives) { gives_credit_ = gives; }
  // Reads raw bytes until the end of the connection or `timeout`.
  std::string ReadToEnd(std::chrono::milliseconds timeout = kPatience);
  // Consumes exactly `bytes` from the front of the input; false when something else came.
  bool Skip(std::string_view bytes);
  bool ended() const { return ended_; }

 private:
  bool Fill(size_t bytes, std::chrono::steady_clock::time_point deadline);
  std::optional<Frame> ReadFrame(std::chrono::steady_clock::time_point deadline);
  std::optional<Frame> FromWire(std::chrono::steady_clock::time_point deadline);
  void Decode(Frame& frame, std::chrono::steady_clock::time_point deadline);
  void Answer(const Frame& frame);

  Socket socket_;
  std::string input_;
  std::deque<Frame> kept_;
  bool ended_ = false;
  bool gives_credit_ = true;
  nghttp2_hd_inflater* inflater_ = nullptr;

  std::mutex send_mutex_;
  nghttp2_hd_deflater* deflater_ = nullptr;  // guarded by send_mutex_
};

}  // namespace praefect::test
