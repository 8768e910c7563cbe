#include "gitaly/wire.h"

#include <cstring>
#include <limits>

namespace praefect::gitaly {
namespace {

enum WireType {
  kVarint = 0,
  kFixed64 = 1,
  kLength = 2,
  kStartGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5
};

// As deep as protobuf itself follows.
constexpr int kMaxGroupDepth = 100;

bool IsContinuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// Length of the multi-byte character at the begin of `text`, 0 when it is none.
size_t CharacterSize(std::string_view text) {
  const auto at = [&](size_t i) -> unsigned char { return i < text.size() ? text[i] : 0; };
  const unsigned char first = at(0);
  const unsigned char second = at(1);
  if (!IsContinuation(second)) return 0;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (!IsContinuation(at(2))) return 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (!IsContinuation(at(3)) || first < 0xF0 || first > 0xF4) return 0;
  const bool overlong = first == 0xF0 && second < 0x90;
  const bool too_high = first == 0xF4 && second > 0x8F;
  return overlong || too_high ? 0 : 4;
}

}  // namespace

bool WireReader::ReadVarint(uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && position_ < bytes_.size(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes_[position_++]);
    if (shift == 63 && byte > 1) return false;
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool WireReader::ReadTag(uint32_t& tag) {
  uint64_t value = 0;
  const size_t begin = position_;
  if (!ReadVarint(value) || position_ - begin > 5) return false;
  if (value > std::numeric_limits<uint32_t>::max() || value >> 3 == 0) return false;
  tag = static_cast<uint32_t>(value);
  return true;
}

bool WireReader::Skip(size_t length) {
  if (length > bytes_.size() - position_) return false;
  position_ += length;
  return true;
}

bool WireReader::SkipValue(uint32_t tag, WireField& field, int depth) {
  uint64_t number = 0;
  switch (tag & 7) {
    case kVarint:
      return ReadVarint(number);
    case kFixed64:
      return Skip(8);
    case kFixed32:
      return Skip(4);
    case kLength:
      if (!ReadVarint(number)) return false;
      field.value = position_;
      return Skip(number);
    case kStartGroup:
      return SkipGroup(tag >> 3, depth + 1);
    default:
      return false;
  }
}

bool WireReader::SkipGroup(uint32_t number, int depth) {
  if (depth > kMaxGroupDepth) return false;
  for (uint32_t tag = 0; ReadTag(tag);) {
    if ((tag & 7) == kEndGroup) return tag >> 3 == number;
    WireField inner;
    if (!SkipValue(tag, inner, depth)) return false;
  }
  return false;
}

bool WireReader::Next(WireField& field) {
  if (!ok_ || position_ == bytes_.size()) return false;
  ok_ = ReadTag(field.tag);
  if (!ok_) return false;
  field.payload = position_;
  field.value = position_;
  ok_ = SkipValue(field.tag, field, 0);
  field.end = position_;
  return ok_;
}

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

bool IsUtf8(std::string_view text) {
  size_t i = 0;
  // Nearly all names are ASCII throughout: eight bytes at a time as long as that lasts.
  for (uint64_t word = 0; i + sizeof(word) <= text.size(); i += sizeof(word)) {
    std::memcpy(&word, text.data() + i, sizeof(word));
    if ((word & 0x8080808080808080) != 0) break;
  }
  while (i < text.size()) {
    const bool ascii = static_cast<unsigned char>(text[i]) < 0x80;
    const size_t size = ascii ? 1 : CharacterSize(text.substr(i));
    if (size == 0) return false;
    i += size;
  }
  return true;
}

}  // namespace praefect::gitaly
