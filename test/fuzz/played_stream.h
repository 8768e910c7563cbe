#pragma once

// The application's side of one stream of a PlayedConnection.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/wire_oracle.h"
#include "http2/connection.h"

namespace praefect::fuzz {

// What the application does with a stream.
enum class Reaction : uint8_t {
  kEcho,          // sends back what it gets, and gives credit as that leaves
  kAnswer,        // answers when the other side is done
  kEarlyAnswer,   // answers, and ends, at once
  kTrailersOnly,  // server: one block of headers is all; listens to nothing
  kReset,         // at the first sign of life
  kHold,          // keeps what comes, gives credit late
  kPour,          // sends and sends, and lets the other side send ahead
  kResetLater,    // answers half, then gives up
};
inline constexpr int kReactions = 8;

struct PlayedSetting {
  http2::Buffers& buffers;
  WireOracle& wire;
  http2::Connection::Side side;
  int64_t stream_window;
};

class PlayedStream final : public http2::StreamListener {
 public:
  // `gate`: the one that the stream is opened with; may be null.
  PlayedStream(PlayedSetting setting, Reaction reaction, std::shared_ptr<const PlayedGate> gate)
      : setting_(setting), reaction_(reaction), gate_(std::move(gate)) {}

  // Server side, from OnRequest; client side, after Open. Does what the reaction is.
  void Begin(http2::Stream& stream, bool peer_ended);
  // Once a round.
  void Tick();
  // Tells the wire oracle what is queued, as soon as the stream has an id.
  void Announce();
  // It hears nothing more: the other side, or the application, ended it.
  bool over() const { return stream_ == nullptr; }

  void OnHeaders(http2::HeaderList headers, bool end) override;
  void OnData(http2::Slice data) override;
  void OnEnd(http2::HeaderList trailers) override;
  void OnDrained(size_t bytes) override;
  void OnClosed(const http2::StreamClosure& closure) override;

 private:
  static constexpr size_t kPoured = 6'000;          // bytes at a time
  static constexpr size_t kMostPoured = 100 << 10;  // more than the initial window
  bool server() const { return setting_.side == http2::Connection::Side::kServer; }
  void Send(http2::Slice data);
  void SendPattern(size_t size);
  void SendHeaders();
  void End();
  void Credit(size_t bytes);
  void Reset(uint32_t error_code);
  void OnPeerEnded();

  const PlayedSetting setting_;
  const Reaction reaction_;
  const std::shared_ptr<const PlayedGate> gate_;
  http2::Stream* stream_ = nullptr;
  bool got_headers_ = false, peer_ended_ = false;
  bool sent_headers_ = false, sent_end_ = false;
  int64_t received_ = 0, credited_ = 0, window_ = 0;
  size_t sent_ = 0, drained_ = 0;
  std::string unannounced_;  // of sent_
  int ticks_ = 0;
  std::vector<http2::Slice> held_;
};

}  // namespace praefect::fuzz
