#pragma once

// Judges what a connection sends by what it was sent: frame sizes, credit, the order of a stream's
// frames, and that every stream's bytes arrive as they were given. It counts credit generously (the
// largest initial window that was ever told, everything that was granted), so that whatever it
// objects to is wrong.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "fuzz/frame_reader.h"
#include "http2/send_gate.h"

namespace praefect::fuzz {

struct PlayedGate final : http2::SendGate {
  bool open = true;
  bool MayBegin() const override { return open; }
  bool MayContinue() const override { return open; }
};

class WireOracle {
 public:
  explicit WireOracle(bool server)
      : server_(server),
        received_(server ? kClientPreface.size() : 0),
        sent_(server ? 0 : kClientPreface.size()) {}

  void Received(std::string_view bytes);
  void Sent(std::string_view bytes);
  // The application queued these for a stream, which was opened with `gate` (may be null).
  void Queued(uint32_t stream, std::string_view bytes, std::shared_ptr<const PlayedGate> gate) {
    streams_[stream].queued.append(bytes);
    streams_[stream].gate = std::move(gate);
  }
  // Client side: whether the other side can know of the stream for certain not to have taken it.
  bool MayBeNeverTaken(uint32_t stream) const;

 private:
  struct Stream {
    std::string queued;
    size_t sent = 0;  // bytes of `queued`
    int64_t granted = 0;
    bool headers_sent = false;
    bool ended = false;    // END_STREAM or RST_STREAM was sent
    bool refused = false;  // by RST_STREAM
    std::shared_ptr<const PlayedGate> gate;
  };
  void OnReceived(const Frame& frame);
  void OnSent(const Frame& frame);
  void OnSentData(const Frame& frame, Stream& stream);

  const bool server_;
  FrameReader received_, sent_;
  std::map<uint32_t, Stream> streams_;
  int64_t initial_window_ = 65'535;  // RFC 9113, 6.9.2
  uint32_t max_frame_ = 16'384;      // 6.5.2
  int64_t granted_ = 65'535;         // for the connection
  int64_t data_sent_ = 0;
  uint32_t goaway_below_ = ~uint32_t{0};  // streams above it were not taken
  bool http1_ = false;                    // was answered in HTTP/1
  bool sent_anything_ = false;
};

}  // namespace praefect::fuzz
