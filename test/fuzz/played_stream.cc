#include "fuzz/played_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "fuzz/require.h"

namespace praefect::fuzz {
namespace {

using http2::HeaderList;
using http2::Slice;

// What a stream sends, by its place in the stream; nowhere the same for long.
std::string_view Pattern(size_t begin, size_t size) {
  static const std::string pattern = [] {
    std::string bytes(1 << 20, '\0');
    for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<char>(i * 131 >> 3);
    return bytes;
  }();
  return std::string_view(pattern).substr(begin % (pattern.size() / 2), size);
}

}  // namespace

void PlayedStream::Begin(http2::Stream& stream, bool peer_ended) {
  stream_ = &stream;
  got_headers_ = server();
  sent_headers_ = !server();
  // Before the other side has our SETTINGS it may send as much as RFC 9113 allows without them.
  window_ = std::max<int64_t>(setting_.stream_window, 65'535);
  if (reaction_ == Reaction::kPour) {
    constexpr uint32_t kGrown = 512 << 10;
    stream_->GrowWindow(kGrown);
    window_ = std::max<int64_t>(window_, kGrown);
  }
  if (server() && reaction_ == Reaction::kReset) return Reset(http2::kRefusedStream);
  if (server() && reaction_ != Reaction::kAnswer) SendHeaders();
  if (reaction_ == Reaction::kEarlyAnswer) {
    SendPattern(20'000);
    End();
  }
  if (reaction_ == Reaction::kResetLater) SendPattern(3'000);
  if (peer_ended && !over()) OnPeerEnded();
}

void PlayedStream::Tick() {
  if (over()) return;
  ticks_++;
  if (reaction_ == Reaction::kPour && !sent_end_ && sent_ < kMostPoured &&
      stream_->queued_bytes() < kPoured) {
    SendPattern(kPoured);
  }
  if (reaction_ == Reaction::kHold && !held_.empty()) {
    Credit(held_.front().size());
    held_.erase(held_.begin());
  }
  if (reaction_ == Reaction::kResetLater && ticks_ == 5) Reset(http2::kCancel);
}

void PlayedStream::SendHeaders() {
  HeaderList headers;
  headers.AddView(":status", "200");
  headers.Add("content-type", "application/grpc");
  stream_->SendHeaders(std::move(headers), false);
  sent_headers_ = true;
}

void PlayedStream::SendPattern(size_t size) {
  http2::SliceQueue pieces;
  pieces.PushCopy(setting_.buffers.packed,
                  reinterpret_cast<const uint8_t*>(Pattern(sent_, size).data()), size);
  for (size_t i = 0; i < pieces.count(); i++) Send(pieces.at(i));
}

void PlayedStream::Send(Slice data) {
  sent_ += data.size();
  unannounced_.append(reinterpret_cast<const char*>(data.data()), data.size());
  stream_->SendData(std::move(data));
}

void PlayedStream::Announce() {
  if (unannounced_.empty() || over() || stream_->id() <= 0) return;
  const auto id = static_cast<uint32_t>(stream_->id());
  setting_.wire.Queued(id, unannounced_, gate_);
  unannounced_.clear();
}

void PlayedStream::End() {
  if (std::exchange(sent_end_, true)) return;
  if (!server()) return stream_->SendEnd();
  HeaderList trailers;
  trailers.Add("grpc-status", "0");
  stream_->SendTrailers(std::move(trailers));
}

void PlayedStream::Credit(size_t bytes) {
  const auto credit = std::min(static_cast<int64_t>(bytes), received_ - credited_);
  credited_ += credit;
  if (credit > 0) stream_->Credit(static_cast<size_t>(credit));
}

void PlayedStream::Reset(uint32_t error_code) {
  Announce();  // a frame that is under way still leaves
  std::exchange(stream_, nullptr)->Reset(error_code);
  held_.clear();
}

void PlayedStream::OnHeaders(HeaderList headers, bool end) {
  Require(!over(), "no headers come for a stream that is over");
  Require(!server() && !std::exchange(got_headers_, true), "an answer's headers come once");
  Require(headers.Get(":status").size() == 3, "an answer's headers have a status");
  if (reaction_ == Reaction::kReset) return Reset(http2::kCancel);
  if (end) OnPeerEnded();
}

void PlayedStream::OnData(Slice data) {
  Require(!over() && got_headers_ && !peer_ended_, "data comes between headers and end");
  received_ += static_cast<int64_t>(data.size());
  Require(received_ <= window_ + credited_, "no more data comes than there was credit for");
  switch (reaction_) {
    case Reaction::kEcho:
      return sent_end_ ? Credit(data.size()) : Send(std::move(data));
    case Reaction::kHold:
      return held_.push_back(std::move(data));
    default:
      return Credit(data.size());
  }
}

void PlayedStream::OnEnd(HeaderList) {
  Require(!over() && got_headers_ && !peer_ended_, "a stream ends once, after its headers");
  OnPeerEnded();
}

void PlayedStream::OnPeerEnded() {
  peer_ended_ = true;
  Require(stream_->peer_ended(), "a stream knows that its peer is done");
  if (server() && !sent_headers_) SendHeaders();
  if (reaction_ == Reaction::kAnswer) SendPattern(1'000);
  End();
}

void PlayedStream::OnDrained(size_t bytes) {
  Require(!over(), "nothing drains from a stream that is over");
  drained_ += bytes;
  Require(drained_ <= sent_, "no more drains than was sent");
  if (reaction_ == Reaction::kEcho) Credit(bytes);
}

void PlayedStream::OnClosed(const http2::StreamClosure& closure) {
  Require(!over(), "a stream closes once");
  const bool begun = !server() && stream_->id() > 0;
  Require(!begun || !closure.never_taken ||
              setting_.wire.MayBeNeverTaken(static_cast<uint32_t>(stream_->id())),
          "only what the other side cannot have taken is called so");
  Announce();
  const bool drained = stream_->TakeUnsent().bytes() + drained_ <= sent_;
  Require(drained, "what is unsent was not drained");
  stream_ = nullptr;
  held_.clear();
}

}  // namespace praefect::fuzz
