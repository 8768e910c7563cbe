#include "fuzz/played_connection.h"

#include <uv.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "fuzz/memory_transport.h"
#include "fuzz/played_stream.h"
#include "fuzz/require.h"
#include "fuzz/wire_oracle.h"

namespace praefect::fuzz {
namespace {

using http2::Connection;
using http2::HeaderList;

// The bytes of kKnobs.
enum Knob { kChunk, kReaction, kWriting, kLimits, kEvents, kWhen, kEnding, kOpened };

constexpr size_t kUnlimited = 1 << 30;
constexpr size_t kMostChunks = 300;  // per input; each costs rounds of the loop
constexpr std::array<size_t, 6> kChunks = {kUnlimited, 16'384, 1'000, 100, 9, 1};
constexpr std::array<size_t, 6> kWritten = {kUnlimited, 20'000, 1'000, 10, 1, 0};  // in one round
constexpr int kRoundsToClose = 20;  // after Close; the header says one

// Bits of kLimits.
enum Limit : uint8_t {
  kSmallWindow = 1,
  kFewStreams = 2,
  kFewFields = 4,
  kSmallOutput = 8,
  kFloods = 16,
  kKeepalive = 32,
  kGates = 64,  // every third stream that we open has one
};
// Bits of kEvents; all happen in round kWhen.
enum Event : uint8_t {
  kShutdown = 1,
  kPing = 2,
  kSuspect = 4,
  kOpenMore = 8,
  kCloseLocally = 16,
  kShutGate = 32,
  kConfirm = 64
};
enum Ending { kPeerCloses, kPeerResets, kTlsAlert, kWeClose, kWeShutDown, kEndings };

struct Knobs {
  std::array<uint8_t, kKnobs> bytes;
  uint8_t operator[](Knob knob) const { return bytes[knob]; }
  template <size_t N>
  size_t Pick(Knob knob, const std::array<size_t, N>& table) const {
    return table[bytes[knob] % N];
  }
};

http2::ConnectionOptions OptionsOf(uint8_t limits) {
  http2::ConnectionOptions options;
  if ((limits & kSmallWindow) != 0) options.stream_window = 100;
  options.max_concurrent_streams = (limits & kFewStreams) != 0 ? 2 : 200;
  if ((limits & kFewFields) != 0)
    options.max_header_fields = 5, options.max_header_list_bytes = 300;
  if ((limits & kSmallOutput) != 0) options.max_output_bytes = 200;
  if ((limits & kFloods) != 0) options.floods = {1, 1, 1};
  if ((limits & kKeepalive) != 0) options.keepalive_timeout_ms = 10'000;
  return options;
}

class Play final : public Connection::Owner {
 public:
  Play(Connection::Side side, const Knobs& knobs, std::string_view input)
      : side_(side),
        knobs_(knobs),
        options_(OptionsOf(knobs[kLimits])),
        wire_(side == Connection::Side::kServer) {
    far_.input = input;
    far_.on_read = [this](std::string_view bytes) { wire_.Received(bytes); };
    far_.on_written = [this](std::string_view bytes) {
      for (const auto& stream : streams_) stream->Announce();
      wire_.Sent(bytes);
    };
    chunk_ = std::max(knobs_.Pick(kChunk, kChunks), input.size() / kMostChunks);
    connection_ = std::make_unique<Connection>(Loop(), buffers_, *this, side,
                                               std::make_unique<MemoryTransport>(far_), options_);
  }

  void ToTheEnd() {
    if (side_ == Connection::Side::kClient) OpenStreams(knobs_[kOpened] % 32);
    for (int round = 0; connection_ && !far_.input.empty(); round++) {
      if (round == knobs_[kWhen]) Happen(knobs_[kEvents]);
      Round();
    }
    // The other side takes what is left.
    for (int i = 0; connection_ && i < 3; i++) Round();
    End();
    for (int i = 0; connection_ && i < kRoundsToClose; i++) Round();
    Require(connection_ == nullptr, "a connection that is to close closes");
    streams_.clear();
    Require(far_.transports == 0, "a closed connection lets go of its transport");
    { http2::ReceiveSpace::Room next_read(buffers_.space, 1); }  // lets go of what only it held
    Require(meter_.bytes == 0, "a closed connection holds no memory");
  }

 private:
  // One for all inputs; nothing of a connection is left in it.
  static net::EventLoop& Loop() {
    static net::EventLoop loop;
    return loop;
  }

  void Round() {
    far_.readable = chunk_;
    far_.writable = knobs_.Pick(kWriting, kWritten);
    uv_run(Loop().uv(), UV_RUN_NOWAIT);
    for (size_t i = 0; connection_ && i < streams_.size(); i++) streams_[i]->Tick();
    if (connection_) Require(connection_->output_bytes() <= MaxOutput(), "the output is bounded");
  }

  // The frame that passes the bound, whose length the application's queue bounds.
  size_t MaxOutput() const { return options_.max_output_bytes + (256 << 10) + (64 << 10); }

  void Happen(uint8_t events) {
    if ((events & kPing) != 0) connection_->Ping([] {});
    if ((events & kSuspect) != 0) connection_->Suspect(true);
    if ((events & kShutdown) != 0) connection_->GracefulShutdown();
    if ((events & kOpenMore) != 0 && side_ == Connection::Side::kClient) OpenStreams(3);
    if ((events & kShutGate) != 0) gate_->open = false;
    if ((events & kConfirm) != 0) connection_->ConfirmResets([] {});
    if ((events & kCloseLocally) != 0) connection_->Close("the application had enough");
  }

  void End() {
    if (!connection_) return;
    switch (knobs_[kEnding] % kEndings) {
      case kPeerCloses:
        far_.end = net::IoResult::Kind::kEnd;
        break;
      case kPeerResets:
        far_.end = net::IoResult::Kind::kError;
        break;
      case kTlsAlert:
        far_.end = net::IoResult::Kind::kTlsError;
        break;
      case kWeShutDown:
        connection_->GracefulShutdown();
        for (int i = 0; connection_ && i < 3; i++) Round();
        if (!connection_) return;
        [[fallthrough]];
      default:
        connection_->Close("the end of the play");
    }
  }

  PlayedStream& NewStream(Reaction reaction, std::shared_ptr<const PlayedGate> gate = nullptr) {
    const PlayedSetting setting{buffers_, wire_, side_, options_.stream_window};
    return *streams_.emplace_back(
        std::make_unique<PlayedStream>(setting, reaction, std::move(gate)));
  }
  Reaction NextReaction() {
    return static_cast<Reaction>((knobs_[kReaction] + streams_.size()) % kReactions);
  }

  void OpenStreams(int count) {
    for (int i = 0; i < count; i++) {
      const bool gated = (knobs_[kLimits] & kGates) != 0 && streams_.size() % 3 == 0;
      const auto gate = gated ? gate_ : nullptr;
      PlayedStream& played = NewStream(NextReaction(), gate);
      HeaderList headers;
      headers.AddView(":method", "POST");
      headers.AddView(":scheme", "http");
      headers.AddView(":path", "/gitaly.RefService/FindDefaultBranchName");
      headers.Add(":authority", "node");
      headers.Add("authorization", "Bearer hunter2", true);
      http2::Stream* stream = connection_->Open(std::move(headers), false, played, gate);
      if (stream == nullptr) {
        Require(!connection_->usable(), "a usable connection opens streams");
        streams_.pop_back();
        return;
      }
      played.Begin(*stream, false);
    }
  }

  void OnRequest(http2::Stream& stream, HeaderList headers, bool end, bool too_large) override {
    Require(connection_ != nullptr && side_ == Connection::Side::kServer, "servers get requests");
    Require(headers.size() <= options_.max_header_fields,
            "requests have as many fields as they may");
    const Reaction reaction = NextReaction();
    if (too_large || reaction == Reaction::kTrailersOnly) {
      HeaderList answer;
      answer.AddView(":status", "200");
      answer.Add("grpc-status", "8");
      return stream.SendHeaders(std::move(answer), true);
    }
    PlayedStream& played = NewStream(reaction);
    stream.SetListener(played);
    played.Begin(stream, end);
  }
  void OnGoaway(Connection& connection) override {
    Require(!connection.usable(), "a connection that is told to go is not used");
  }
  void OnClosed(Connection& connection, const http2::ConnectionClosure& closure) override {
    Require(&connection == connection_.get(), "a connection closes once");
    Require(!closure.reason().empty(), "a connection closes for a reason");
    for (const auto& stream : streams_)
      Require(stream->over(), "streams close before their connection");
    connection_.reset();
  }

  const Connection::Side side_;
  const Knobs knobs_;
  const http2::ConnectionOptions options_;
  size_t chunk_ = 0;
  http2::MemoryMeter meter_;
  http2::Buffers buffers_{meter_};
  WireOracle wire_;
  FarEnd far_;
  const std::shared_ptr<PlayedGate> gate_ = std::make_shared<PlayedGate>();
  std::unique_ptr<Connection> connection_;
  std::vector<std::unique_ptr<PlayedStream>> streams_;
};

}  // namespace

void PlayConnection(Connection::Side side, const uint8_t* data, size_t size) {
  if (size < kKnobs) return;
  Knobs knobs;
  std::copy_n(data, kKnobs, knobs.bytes.begin());
  Play(side, knobs, {reinterpret_cast<const char*>(data) + kKnobs, size - kKnobs}).ToTheEnd();
}

}  // namespace praefect::fuzz
