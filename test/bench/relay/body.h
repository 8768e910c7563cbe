#pragma once

// What streams carry: one message, or one message after another that are all the same. So both
// sides can make gigabytes and check every byte of them without keeping any.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace praefect::bench {

// The texts that it refers to must outlive it.
class Outgoing {
 public:
  // `first` once, then `repeated`, as often as More says.
  void Begin(std::string_view first, std::string_view repeated) {
    first_ = first;
    repeated_ = repeated;
  }
  void More(uint64_t messages) { repeated_left_ += messages * repeated_.size(); }
  void End() { ended_ = true; }
  // `sum` grows with what is taken off; it must outlive this.
  void CountIn(uint64_t& sum) { sum_ = &sum; }

  uint64_t available() const { return first_.size() + repeated_left_; }
  bool ended() const { return ended_; }
  void AppendTo(std::string& output, size_t bytes) {
    if (sum_ != nullptr) *sum_ += bytes;
    const size_t of_first = std::min(bytes, first_.size());
    output.append(first_.substr(0, of_first));
    first_.remove_prefix(of_first);
    for (size_t left = bytes - of_first; left > 0;) {
      const size_t piece = std::min(left, repeated_.size() - offset_);
      output.append(repeated_.substr(offset_, piece));
      offset_ = (offset_ + piece) % repeated_.size();
      repeated_left_ -= piece;
      left -= piece;
    }
  }

 private:
  std::string_view first_, repeated_;
  size_t offset_ = 0;  // in repeated_
  uint64_t repeated_left_ = 0;
  bool ended_ = false;
  uint64_t* sum_ = nullptr;
};

class Incoming {
 public:
  void Expect(std::string_view repeated) { repeated_ = repeated; }
  // Whether these are the bytes that had to come next.
  bool Take(const uint8_t* data, size_t size) {
    while (size > 0) {
      const size_t piece = std::min(size, repeated_.size() - offset_);
      if (piece == 0 || std::memcmp(repeated_.data() + offset_, data, piece) != 0) return false;
      offset_ = (offset_ + piece) % repeated_.size();
      bytes_ += piece;
      data += piece;
      size -= piece;
    }
    return true;
  }
  uint64_t bytes() const { return bytes_; }
  uint64_t messages() const { return repeated_.empty() ? 0 : bytes_ / repeated_.size(); }
  bool between_messages() const { return offset_ == 0; }

 private:
  std::string_view repeated_;
  size_t offset_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace praefect::bench
