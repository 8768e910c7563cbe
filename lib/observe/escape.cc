#include "observe/escape.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace praefect::observe {
namespace {

constexpr char kHex[] = "0123456789abcdef";

enum : uint8_t {
  kBare = 1,   // needs no quotes in the text format
  kPlain = 2,  // needs no escape inside quotes
};

constexpr std::array<uint8_t, 256> MakeClasses() {
  std::array<uint8_t, 256> classes{};
  for (int c = 0x20; c < 0x7f; ++c) classes[c] = kPlain;
  for (int c = 'a'; c <= 'z'; ++c) classes[c] |= kBare;
  for (int c = 'A'; c <= 'Z'; ++c) classes[c] |= kBare;
  for (int c = '0'; c <= '9'; ++c) classes[c] |= kBare;
  for (unsigned char c : {'-', '.', '_', '/', '@', '^', '+'}) classes[c] |= kBare;
  classes['"'] = classes['\\'] = 0;
  return classes;
}

constexpr std::array<uint8_t, 256> kClasses = MakeClasses();

uint8_t ClassOf(char c) { return kClasses[static_cast<unsigned char>(c)]; }

size_t PrefixOf(std::string_view text, uint8_t wanted) {
  size_t n = 0;
  while (n < text.size() && (ClassOf(text[n]) & wanted) != 0) ++n;
  return n;
}

constexpr uint64_t kOnes = 0x0101010101010101, kHighBits = kOnes * 0x80;

constexpr uint64_t HasZero(uint64_t bytes) { return (bytes - kOnes) & ~bytes & kHighBits; }

// Eight bytes at once: most of what is logged needs no escape, and this is where the time of a line
// goes.
bool ArePlain(uint64_t bytes) {
  const uint64_t high = bytes & kHighBits;
  const uint64_t control = (bytes - kOnes * 0x20) & ~bytes & kHighBits;
  return (high | control | HasZero(bytes ^ kOnes * '"') | HasZero(bytes ^ kOnes * '\\') |
          HasZero(bytes ^ kOnes * 0x7f)) == 0;
}

// How many bytes of `text` need no escape.
size_t PlainPrefixOf(std::string_view text) {
  size_t n = 0;
  for (; n + 8 <= text.size(); n += 8) {
    uint64_t bytes;
    memcpy(&bytes, text.data() + n, sizeof bytes);
    if (!ArePlain(bytes)) break;
  }
  return n + PrefixOf(text.substr(n), kPlain);
}

struct Character {
  uint32_t code_point = 0;
  size_t bytes = 0;  // 0: the first byte begins no well-formed character
};

// Well-formed means table 3-7 of the Unicode standard: no overlong forms, no surrogates.
Character DecodeMultibyte(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t bytes = lead >= 0xc2 && lead <= 0xdf   ? 2
                       : (lead & 0xf0) == 0xe0        ? 3
                       : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                      : 0;
  if (bytes == 0 || text.size() < bytes) return {};
  uint32_t code_point = lead & (0xff >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code_point = code_point << 6 | (byte(i) & 0x3f);
  }
  const bool overlong = (bytes == 3 && code_point < 0x800) || (bytes == 4 && code_point < 0x10000);
  const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (overlong || surrogate || code_point > 0x10ffff) return {};
  return {code_point, bytes};
}

// Characters that change how the rest of a line is shown: line ends and controls that are no ASCII,
// zero-width ones, and those that turn the direction of text around.
bool IsTreacherous(uint32_t c) {
  return (c >= 0x80 && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

void AppendByteEscape(std::string& out, unsigned char byte) {
  const char escape[] = {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
  out.append(escape, sizeof escape);
}

void AppendUnicodeEscape(std::string& out, uint32_t c) {
  const char escape[] = {'\\',        'u', kHex[c >> 12 & 15], kHex[c >> 8 & 15], kHex[c >> 4 & 15],
                         kHex[c & 15]};
  out.append(escape, sizeof escape);
}

bool AppendShortEscape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return true;
    case '\\':
      out += "\\\\";
      return true;
    case '\n':
      out += "\\n";
      return true;
    case '\r':
      out += "\\r";
      return true;
    case '\t':
      out += "\\t";
      return true;
    default:
      return false;
  }
}

struct TextEscapes {
  static void Control(std::string& out, unsigned char byte) { AppendByteEscape(out, byte); }
  static void Invalid(std::string& out, unsigned char byte) { AppendByteEscape(out, byte); }
};

struct JsonEscapes {
  static void Control(std::string& out, unsigned char byte) { AppendUnicodeEscape(out, byte); }
  static void Invalid(std::string& out, unsigned char) { out += "\xef\xbf\xbd"; }
};

// Writes the character that `text` begins with; returns its bytes.
template <typename Escapes>
size_t AppendSpecial(std::string& out, std::string_view text) {
  const auto byte = static_cast<unsigned char>(text[0]);
  if (byte < 0x80) {
    if (!AppendShortEscape(out, text[0])) Escapes::Control(out, byte);
    return 1;
  }
  const Character character = DecodeMultibyte(text);
  if (character.bytes == 0) {
    Escapes::Invalid(out, byte);
    return 1;
  }
  if (IsTreacherous(character.code_point)) {
    AppendUnicodeEscape(out, character.code_point);
  } else {
    out.append(text.substr(0, character.bytes));
  }
  return character.bytes;
}

template <typename Escapes>
void AppendQuoted(std::string& out, std::string_view value) {
  out += '"';
  while (!value.empty()) {
    const size_t plain = PlainPrefixOf(value);
    out.append(value.substr(0, plain));
    value.remove_prefix(plain);
    if (!value.empty()) value.remove_prefix(AppendSpecial<Escapes>(out, value));
  }
  out += '"';
}

}  // namespace

void AppendTextValue(std::string& out, std::string_view value) {
  if (PrefixOf(value, kBare) == value.size()) {
    out.append(value);
  } else {
    AppendQuoted<TextEscapes>(out, value);
  }
}

void AppendPrintable(std::string& out, std::string_view value) {
  while (!value.empty()) {
    const bool verbatim = ClassOf(value[0]) != 0 || value[0] == '"' || value[0] == '\\';
    if (verbatim) out += value[0];
    value.remove_prefix(verbatim ? 1 : AppendSpecial<TextEscapes>(out, value));
  }
}

bool IsPlain(std::string_view value) { return PlainPrefixOf(value) == value.size(); }

void AppendJsonString(std::string& out, std::string_view value) {
  AppendQuoted<JsonEscapes>(out, value);
}

std::string_view CutAtCharacter(std::string_view value, size_t max_bytes) {
  if (value.size() <= max_bytes) return value;
  size_t end = max_bytes;
  // A character has at most three continuation bytes; more of them is no UTF-8 anyway.
  while (end > 0 && max_bytes - end < 3 && (value[end] & 0xc0) == 0x80) --end;
  return value.substr(0, end);
}

}  // namespace praefect::observe
