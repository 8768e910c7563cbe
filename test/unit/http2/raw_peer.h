#pragma once

// A connection under test and a peer of it that says whatever a test likes, frame by frame.

#include <array>
#include <vector>

#include "http2/frame.h"
#include "unit/http2/pair.h"

namespace praefect::http2 {

inline std::string FrameOf(FrameType type, uint8_t flags, uint32_t stream,
                           const std::string& payload = "") {
  std::string frame(kFrameHeaderBytes, '\0');
  WriteFrameHeader(reinterpret_cast<uint8_t*>(frame.data()),
                   {static_cast<uint32_t>(payload.size()), type, flags, stream});
  return frame + payload;
}

inline std::string Number(uint32_t number) {
  std::string bytes(4, '\0');
  Write32(reinterpret_cast<uint8_t*>(bytes.data()), number);
  return bytes;
}

inline std::string SettingOf(Setting setting, uint32_t value) {
  return std::string{'\0', static_cast<char>(setting)} + Number(value);
}

// HPACK: a literal that enters no table.
inline std::string Literal(const std::string& name, const std::string& value) {
  return '\0' + std::string(1, static_cast<char>(name.size())) + name +
         static_cast<char>(value.size()) + value;
}

inline std::string RequestBlock() {
  return Literal(":method", "POST") + Literal(":scheme", "http") + Literal(":path", "/a/b");
}

// A request of `block` on `stream`, which ends with it or not.
inline std::string Ask(uint32_t stream, const std::string& block, bool end) {
  const auto flags = static_cast<uint8_t>(kFlagEndHeaders | (end ? kFlagEndStream : 0));
  return FrameOf(FrameType::kHeaders, flags, stream, block);
}

struct RawPeer : Pair {
  struct Received {
    FrameHeader header;
    std::string payload;
    uint32_t number(size_t at = 0) const {
      return Read32(reinterpret_cast<const uint8_t*>(payload.data()) + at);
    }
  };

  explicit RawPeer(Connection::Side side, const ConnectionOptions& options = {}) {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    end.connection = Make(end, side, ends[0], options);
    fd = ends[1];
    if (side == Connection::Side::kServer) Write(std::string(kClientPreface));
    preface_bytes = side == Connection::Side::kClient ? kClientPreface.size() : 0;
  }
  ~RawPeer() { end.connection.reset(), close(fd); }

  void Write(const std::string& bytes) {
    REQUIRE(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void Greet() { Write(FrameOf(FrameType::kSettings, 0, 0)); }

  // The first frame of `type` that came, of `stream`; nullptr: none so far.
  const Received* Find(FrameType type, uint32_t stream = 0) {
    Read();
    for (const Received& frame : received) {
      if (frame.header.type == type && frame.header.stream == stream) return &frame;
    }
    return nullptr;
  }
  const Received& Await(FrameType type, uint32_t stream = 0) {
    RunUntil([&] { return Find(type, stream) != nullptr; });
    return *Find(type, stream);
  }
  // The last stream that each GOAWAY named.
  std::vector<uint32_t> Goaways() {
    Read();
    std::vector<uint32_t> last;
    for (const Received& frame : received) {
      if (frame.header.type == FrameType::kGoaway) last.push_back(frame.number());
    }
    return last;
  }
  // All that was written has been read: a PING is answered behind it.
  void Settle() {
    const std::string ping = "settle" + std::to_string(10 + settled++);
    Write(FrameOf(FrameType::kPing, 0, 0, ping));
    RunUntil([&] {
      Read();
      return !received.empty() && received.back().payload == ping;
    });
  }

  End end;
  int fd;
  std::vector<Received> received;

 private:
  void Read() {
    char bytes[4'096];
    for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0;) {
      unread.append(bytes, static_cast<size_t>(n));
    }
    const size_t skipped = std::min(preface_bytes, unread.size());
    unread.erase(0, skipped);
    preface_bytes -= skipped;
    while (unread.size() >= kFrameHeaderBytes) {
      const FrameHeader header = ReadFrameHeader(reinterpret_cast<const uint8_t*>(unread.data()));
      if (unread.size() < kFrameHeaderBytes + header.length) return;
      received.push_back({header, unread.substr(kFrameHeaderBytes, header.length)});
      unread.erase(0, kFrameHeaderBytes + header.length);
    }
  }

  std::string unread;
  size_t preface_bytes;
  int settled = 0;
};

}  // namespace praefect::http2
