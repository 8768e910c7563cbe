// libFuzzer's mutator for inputs of http2_server and http2_client: changes frames as frames, so
// that what comes behind a change still means something. Without it nearly every change would end
// the connection at its first frame of a wrong length.

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "fuzz/frame_reader.h"
#include "fuzz/played_connection.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace praefect::fuzz {
namespace {

constexpr size_t kMostPayload = 20'000;  // what a mutation may grow a frame to

struct OwnFrame {
  uint8_t type = 0, flags = 0;
  uint32_t stream = 0;
  std::string payload;
};

class Mutation {
 public:
  Mutation(std::string_view input, unsigned int seed) : random_(seed) {
    size_t prefix = std::min(kKnobs, input.size());
    if (input.substr(prefix, kClientPreface.size()) == kClientPreface) {
      prefix += kClientPreface.size();
    }
    prefix_ = input.substr(0, prefix);
    FrameReader(prefix).Feed(input, [this](const Frame& frame) {
      frames_.push_back({frame.type, frame.flags, frame.stream, std::string(frame.payload)});
    });
  }

  std::string Result() {
    for (size_t changes = 1 + Below(3); changes > 0; changes--) Change();
    std::string result = prefix_;
    for (const OwnFrame& frame : frames_) Append(result, frame);
    return result;
  }

 private:
  size_t Below(size_t bound) { return random_() % bound; }
  size_t Place() { return Below(frames_.size()); }

  void Change() {
    if (Below(8) == 0) return ChangeKnob();
    if (frames_.empty() || Below(4) == 0) {
      frames_.insert(frames_.begin() + static_cast<ptrdiff_t>(Below(frames_.size() + 1)),
                     NewFrame());
      return;
    }
    OwnFrame& frame = frames_[Place()];
    switch (Below(8)) {
      case 0:
        frames_.erase(frames_.begin() + static_cast<ptrdiff_t>(Place()));
        break;
      case 1:
        frames_.insert(frames_.begin() + static_cast<ptrdiff_t>(Place()), OwnFrame(frame));
        break;
      case 2:
        std::swap(frame, frames_[Place()]);
        break;
      case 3:
        frame.flags ^= static_cast<uint8_t>(1 << Below(6));
        break;
      case 4:
        frame.stream = SomeStream();
        break;
      case 5:
        frame.type = static_cast<uint8_t>(Below(11));
        break;
      default:
        ChangePayload(frame);
    }
  }

  void ChangeKnob() {
    if (prefix_.size() >= kKnobs) prefix_[Below(kKnobs)] = static_cast<char>(Below(128));
  }

  void ChangePayload(OwnFrame& frame) {
    std::string payload = frame.payload;
    payload.resize(std::min(payload.size() + 1 + Below(64), kMostPayload));
    payload.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(payload.data()),
                                    std::min(frame.payload.size(), kMostPayload), payload.size()));
    frame.payload = payload;
  }

  uint32_t SomeStream() {
    return static_cast<uint32_t>(Below(4) == 0 ? Below(70) : 1 + 2 * Below(12));
  }

  std::string Number() {
    static constexpr uint32_t kNumbers[] = {
        0, 1, 2, 7, 8, 100, 16'384, 65'535, 0x7fffffff, 0x80000000, ~uint32_t{0}};
    const uint32_t number = kNumbers[Below(std::size(kNumbers))];
    std::string bytes(4, '\0');
    for (size_t i = 0; i < 4; i++) bytes[i] = static_cast<char>(number >> (24 - 8 * i));
    return bytes;
  }

  OwnFrame NewFrame() {
    OwnFrame frame{static_cast<uint8_t>(Below(10)), 0, SomeStream(), ""};
    if (Below(2) == 0) frame.flags = static_cast<uint8_t>(Below(16));
    switch (frame.type) {
      case kData:
        frame.payload.assign(Below(200), 'x');
        break;
      case kRstStream:
      case kWindowUpdate:
        if (Below(3) == 0) frame.stream = 0;
        frame.payload = Number();
        break;
      case kSettings:
        frame.stream = 0;
        frame.payload = std::string{'\0', static_cast<char>(1 + Below(9))} + Number();
        break;
      case kPing:
        frame.stream = 0;
        frame.payload = Number() + Number();
        break;
      case kGoaway:
        frame.stream = 0;
        frame.payload = Number() + Number();
        break;
      default:  // HEADERS and CONTINUATION of fields from the static table
        for (size_t fields = Below(6); fields > 0; fields--) {
          frame.payload.push_back(static_cast<char>(0x80 | (1 + Below(61))));
        }
    }
    return frame;
  }

  static void Append(std::string& out, const OwnFrame& frame) {
    const size_t size = frame.payload.size();
    const char head[kFrameHeaderBytes] = {static_cast<char>(size >> 16),
                                          static_cast<char>(size >> 8),
                                          static_cast<char>(size),
                                          static_cast<char>(frame.type),
                                          static_cast<char>(frame.flags),
                                          static_cast<char>(frame.stream >> 24),
                                          static_cast<char>(frame.stream >> 16),
                                          static_cast<char>(frame.stream >> 8),
                                          static_cast<char>(frame.stream)};
    out.append(head, sizeof head);
    out += frame.payload;
  }

  std::minstd_rand random_;
  std::string prefix_;
  std::vector<OwnFrame> frames_;
};

}  // namespace
}  // namespace praefect::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  if (seed % 6 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const std::string result =
      praefect::fuzz::Mutation({reinterpret_cast<const char*>(data), size}, seed).Result();
  const size_t kept = std::min(result.size(), max_size);
  memcpy(data, result.data(), kept);
  return kept;
}
