#include "config/plain_text.h"

#include <algorithm>
#include <cstdint>

namespace praefect::config {
namespace {

// How a character begins, by the bits of its first byte.
struct Lead {
  uint8_t mask, bits;
  size_t length;
  uint32_t least;  // smaller ones have a shorter form, which UTF-8 forbids
};

constexpr Lead kLeads[] = {
    {0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

bool Allowed(uint32_t character) {
  if (character < 0x20) return character == '\t' || character == '\n' || character == '\r';
  const bool surrogate = character >= 0xd800 && character <= 0xdfff;
  return character != 0x7f && !surrogate && character <= 0x10ffff;
}

// The number of bytes of the character that `text` begins with; 0 when it is none that is allowed.
size_t CharacterLength(std::string_view text) {
  const auto first = static_cast<uint8_t>(text.front());
  const auto lead = std::find_if(std::begin(kLeads), std::end(kLeads), [&](const Lead& candidate) {
    return (first & candidate.mask) == candidate.bits;
  });
  if (lead == std::end(kLeads) || lead->length > text.size()) return 0;
  uint32_t character = first & static_cast<uint8_t>(~lead->mask);
  for (size_t i = 1; i < lead->length; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xc0) != 0x80) return 0;
    character = character << 6 | (next & 0x3f);
  }
  return character >= lead->least && Allowed(character) ? lead->length : 0;
}

}  // namespace

std::optional<int> NotPlainTextAt(std::string_view text) {
  int line = 1;
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (length == 0) return line;
    if (text.front() == '\n') ++line;
    text.remove_prefix(length);
  }
  return std::nullopt;
}

}  // namespace praefect::config
