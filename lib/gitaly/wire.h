#pragma once

// Protobuf's wire format, field by field, without a schema.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace praefect::gitaly {

// One field of a message, as offsets into the bytes that are read.
struct WireField {
  uint32_t tag = 0;    // number << 3 | wire type
  size_t payload = 0;  // behind the tag: the length of a string or message, or the value
  size_t value = 0;    // behind the length; the same as payload for all other wire types
  size_t end = 0;

  uint32_t number() const { return tag >> 3; }
  bool length_delimited() const { return (tag & 7) == 2; }
};

// Walks the fields of the message that lies at [begin, end) of `bytes`. A group is one field.
// Strict: tags beyond 32 bits, varints beyond 64 bits, field number 0, unpaired or over-deep groups
// and whatever would end behind `end` are malformed.
class WireReader {
 public:
  WireReader(std::string_view bytes, size_t begin, size_t end)
      : bytes_(bytes.substr(0, end)), position_(begin) {}

  // False at the end and when the bytes are malformed; ok() tells which.
  bool Next(WireField& field);
  bool ok() const { return ok_; }

 private:
  bool ReadTag(uint32_t& tag);
  bool ReadVarint(uint64_t& value);
  bool Skip(size_t length);
  bool SkipValue(uint32_t tag, WireField& field, int depth);
  bool SkipGroup(uint32_t number, int depth);

  std::string_view bytes_;
  size_t position_;
  bool ok_ = true;
};

constexpr size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}
void AppendVarint(uint64_t value, std::string& out);

// What protobuf takes for a string: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

}  // namespace praefect::gitaly
