#include "support/raw_http2/connection.h"

#include <algorithm>
#include <stdexcept>

namespace praefect::test {
namespace {

using Clock = std::chrono::steady_clock;

nghttp2_nv View(const std::pair<std::string, std::string>& field) {
  const auto bytes = [](const std::string& s) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(s.data()));
  };
  return {bytes(field.first), bytes(field.second), field.first.size(), field.second.size(),
          NGHTTP2_NV_FLAG_NONE};
}

std::string WithoutPadding(const Frame& frame) {
  constexpr uint8_t kPadded = 0x8, kPriority = 0x20;
  std::string block = frame.payload;
  if (frame.flags & kPadded) {
    const size_t padding = static_cast<uint8_t>(block.at(0));
    block = block.substr(1, block.size() - 1 - padding);
  }
  if (frame.flags & kPriority) block.erase(0, 5);
  return block;
}

}  // namespace

RawConnection::RawConnection(Socket socket) : socket_(std::move(socket)) {
  if (nghttp2_hd_inflate_new(&inflater_) != 0 || nghttp2_hd_deflate_new(&deflater_, 4096) != 0) {
    throw std::bad_alloc();
  }
}

RawConnection::~RawConnection() {
  nghttp2_hd_inflate_del(inflater_);
  nghttp2_hd_deflate_del(deflater_);
}

void RawConnection::SendBytes(std::string_view bytes) { socket_.WriteAll(bytes); }

void RawConnection::Send(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  const std::lock_guard lock(send_mutex_);
  SendBytes(Encode(type, flags, stream, payload));
}

void RawConnection::SendSettings(const std::vector<std::pair<uint16_t, uint32_t>>& settings) {
  std::string payload;
  for (const auto& [id, value] : settings) {
    AppendU16(payload, id);
    AppendU32(payload, value);
  }
  Send(FrameType::kSettings, 0, 0, payload);
}

void RawConnection::SendHeaders(uint32_t stream, const Fields& fields, bool end_stream) {
  std::vector<nghttp2_nv> views;
  std::transform(fields.begin(), fields.end(), std::back_inserter(views), View);
  const std::lock_guard lock(send_mutex_);
  std::string block(nghttp2_hd_deflate_bound(deflater_, views.data(), views.size()), '\0');
  const ssize_t size = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<uint8_t*>(block.data()),
                                             block.size(), views.data(), views.size());
  block.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
  const uint8_t end = end_stream ? kEndStream : 0;
  const bool one = block.size() <= kMaxFramePayload;
  std::string bytes = Encode(FrameType::kHeaders, end | (one ? kEndHeaders : 0), stream,
                             block.substr(0, kMaxFramePayload));
  for (size_t at = kMaxFramePayload; at < block.size(); at += kMaxFramePayload) {
    const bool last = at + kMaxFramePayload >= block.size();
    bytes += Encode(FrameType::kContinuation, last ? kEndHeaders : 0, stream,
                    block.substr(at, kMaxFramePayload));
  }
  SendBytes(bytes);
}

void RawConnection::SendData(uint32_t stream, std::string_view bytes, bool end_stream) {
  do {
    const std::string_view part = bytes.substr(0, kMaxFramePayload);
    bytes.remove_prefix(part.size());
    Send(FrameType::kData, end_stream && bytes.empty() ? kEndStream : 0, stream, part);
  } while (!bytes.empty());
}

void RawConnection::SendMessage(uint32_t stream, std::string_view message, bool end_stream) {
  SendData(stream, GrpcFrame(message), end_stream);
}

void RawConnection::Reset(uint32_t stream, uint32_t code) {
  std::string payload;
  AppendU32(payload, code);
  Send(FrameType::kRstStream, 0, stream, payload);
}

void RawConnection::Goaway(uint32_t last_stream, uint32_t code) {
  std::string payload;
  AppendU32(payload, last_stream);
  AppendU32(payload, code);
  Send(FrameType::kGoaway, 0, 0, payload);
}

void RawConnection::WindowUpdate(uint32_t stream, uint32_t bytes) {
  std::string payload;
  AppendU32(payload, bytes);
  Send(FrameType::kWindowUpdate, 0, stream, payload);
}

bool RawConnection::Fill(size_t bytes, Clock::time_point deadline) {
  while (input_.size() < bytes) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    const auto input = socket_.ReadSome(input_, std::max(left, std::chrono::milliseconds::zero()));
    if (input == Socket::Input::kEnd) ended_ = true;
    if (input != Socket::Input::kBytes) return false;
  }
  return true;
}

std::optional<Frame> RawConnection::ReadFrame(Clock::time_point deadline) {
  if (!Fill(kFrameHeaderBytes, deadline)) return std::nullopt;
  const size_t length = ReadU32(input_, 0) >> 8;
  if (!Fill(kFrameHeaderBytes + length, deadline)) return std::nullopt;
  Frame frame;
  frame.type = static_cast<FrameType>(input_[3]);
  frame.flags = static_cast<uint8_t>(input_[4]);
  frame.stream = ReadU32(input_, 5) & 0x7fffffff;
  frame.payload = input_.substr(kFrameHeaderBytes, length);
  input_.erase(0, kFrameHeaderBytes + length);
  return frame;
}

void RawConnection::Decode(Frame& frame, Clock::time_point deadline) {
  std::string block = WithoutPadding(frame);
  for (uint8_t flags = frame.flags; (flags & kEndHeaders) == 0;) {
    const auto more = ReadFrame(deadline);
    if (!more) throw std::runtime_error("a header block without an end");
    block += more->payload;
    flags = more->flags;
  }
  auto* at = reinterpret_cast<const uint8_t*>(block.data());
  for (const uint8_t* end = at + block.size();;) {
    nghttp2_nv field{};
    int flags = 0;
    const ssize_t used =
        nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, static_cast<size_t>(end - at), 1);
    if (used < 0) throw std::runtime_error("a header block that is not HPACK");
    at += used;
    if (flags & NGHTTP2_HD_INFLATE_EMIT) {
      frame.fields.emplace_back(std::string(field.name, field.name + field.namelen),
                                std::string(field.value, field.value + field.valuelen));
    }
    if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && at == end) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
}

void RawConnection::Answer(const Frame& frame) {
  if (frame.type == FrameType::kSettings && !frame.ack()) Send(FrameType::kSettings, kAck, 0);
  if (frame.type == FrameType::kPing && !frame.ack()) {
    Send(FrameType::kPing, kAck, 0, frame.payload);
  }
  if (frame.type == FrameType::kData && gives_credit_ && !frame.payload.empty()) {
    WindowUpdate(0, static_cast<uint32_t>(frame.payload.size()));
    if (!frame.end_stream()) {
      WindowUpdate(frame.stream, static_cast<uint32_t>(frame.payload.size()));
    }
  }
}

std::optional<Frame> RawConnection::FromWire(Clock::time_point deadline) {
  auto frame = ReadFrame(deadline);
  if (!frame) return std::nullopt;
  if (frame->type == FrameType::kHeaders) Decode(*frame, deadline);
  Answer(*frame);
  return frame;
}

std::optional<Frame> RawConnection::Next(std::chrono::milliseconds timeout) {
  if (kept_.empty()) return FromWire(Clock::now() + timeout);
  Frame frame = std::move(kept_.front());
  kept_.pop_front();
  return frame;
}

Frame RawConnection::Expect(FrameType type, uint32_t stream) {
  const auto deadline = Clock::now() + kPatience;
  std::deque<Frame> others;
  for (;;) {
    std::optional<Frame> frame;
    if (!kept_.empty()) {
      frame = std::move(kept_.front());
      kept_.pop_front();
    } else if (frame = FromWire(deadline); !frame) {
      throw std::runtime_error("no frame of type " + std::to_string(static_cast<int>(type)) +
                               " on stream " + std::to_string(stream) +
                               (ended_ ? ": the connection ended" : ""));
    }
    if (frame->stream == stream && frame->type == type) {
      kept_.insert(kept_.begin(), others.begin(), others.end());
      return std::move(*frame);
    }
    if (frame->stream == stream && frame->type == FrameType::kRstStream) {
      throw std::runtime_error("stream " + std::to_string(stream) + " was reset with code " +
                               std::to_string(frame->error_code()));
    }
    if (frame->stream != stream) others.push_back(std::move(*frame));
  }
}

void RawConnection::ExpectEnd() {
  const auto deadline = Clock::now() + kPatience;
  while (FromWire(deadline)) {
  }
  if (!ended_) throw std::runtime_error("the connection stays open");
}

std::string RawConnection::ReadToEnd(std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  while (Fill(input_.size() + 1, deadline)) {
  }
  return std::exchange(input_, {});
}

bool RawConnection::Skip(std::string_view bytes) {
  if (!Fill(bytes.size(), Clock::now() + kPatience)) return false;
  if (!input_.starts_with(bytes)) return false;
  input_.erase(0, bytes.size());
  return true;
}

}  // namespace praefect::test
