#include "http2/huffman.h"

#include <array>
#include <bit>
#include <cstring>

namespace praefect::http2 {
namespace {

constexpr int kSymbols = 257;  // bytes, and EOS
constexpr int kEndOfString = 256;
constexpr int kLongest = 30;
constexpr int kTableBits = 10;  // codes up to this length are found in one step

// Bits of each symbol's code. The codes follow: those of one length are consecutive, in the order
// of their symbols, and begin where the next shorter ones end.
constexpr std::array<uint8_t, kSymbols> kLengths = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,  // 0x00
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,  // 0x10
    6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,   // space to /
    5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8,  15, 6,  12, 10,  // 0 to ?
    13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,   // @ to O
    7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,   // P to _
    15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,   // ` to o
    6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28,  // p to 0x7f
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,  // 0x80
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,  // 0x90
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,  // 0xa0
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,  // 0xb0
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,  // 0xc0
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,  // 0xd0
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,  // 0xe0
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,  // 0xf0
    30,                                                              // EOS
};

struct Code {
  struct Symbol {
    uint8_t byte = 0;
    uint8_t bits = 0;  // of the code; 0: a longer one begins so
  };
  std::array<Symbol, 1 << kTableBits> short_codes;
  // By length: the first code, how many there are, and where in `symbols` theirs begin.
  std::array<uint32_t, kLongest + 1> first{}, count{}, begin{};
  std::array<uint16_t, kSymbols> symbols{};  // in the order of their codes
};

constexpr Code MakeCode() {
  Code made;
  for (uint8_t bits : kLengths) made.count[bits]++;
  uint32_t next = 0, placed = 0;
  for (int bits = 1; bits <= kLongest; bits++) {
    made.first[bits] = next <<= 1;
    made.begin[bits] = placed;
    for (int symbol = 0; symbol < kSymbols; symbol++) {
      if (kLengths[symbol] != bits) continue;
      made.symbols[placed++] = static_cast<uint16_t>(symbol);
      const uint32_t code = next++;
      if (bits > kTableBits) continue;
      const int free_bits = kTableBits - bits;
      for (uint32_t rest = 0; rest < 1u << free_bits; rest++) {
        made.short_codes[code << free_bits | rest] = {static_cast<uint8_t>(symbol),
                                                      static_cast<uint8_t>(bits)};
      }
    }
  }
  return made;
}

constexpr Code kCode = MakeCode();

// The code that `bits` begins with, from its highest bit on. Returns its symbol.
int LongCode(uint64_t bits, int& length) {
  for (length = kTableBits + 1; length < kLongest; length++) {
    const uint32_t place = static_cast<uint32_t>(bits >> (64 - length)) - kCode.first[length];
    if (place < kCode.count[length]) return kCode.symbols[kCode.begin[length] + place];
  }
  const uint32_t place = static_cast<uint32_t>(bits >> (64 - kLongest)) - kCode.first[kLongest];
  return kCode.symbols[kCode.begin[kLongest] + place];
}

uint64_t Read64(const uint8_t* bytes) {
  uint64_t value;
  memcpy(&value, bytes, sizeof value);
  return std::endian::native == std::endian::little ? __builtin_bswap64(value) : value;
}

}  // namespace

bool DecodeHuffman(const uint8_t* code, size_t size, char*& text) {
  const uint8_t* const end = code + size;
  uint64_t bits = 0;  // what was read and not decoded, from the highest bit on; zeros follow
  int held = 0;       // how many of them
  for (;;) {
    if (end - code >= 8) {
      bits |= Read64(code) >> held;
      const int taken = (63 - held) / 8;
      code += taken;
      held += 8 * taken;
    }
    while (held <= 56 && code != end) {
      bits |= uint64_t{*code++} << (56 - held);
      held += 8;
    }
    // A code may be longer than what is held only at the end.
    do {
      const Code::Symbol found = kCode.short_codes[bits >> (64 - kTableBits)];
      int length = found.bits;
      int symbol = found.byte;
      if (length == 0) symbol = LongCode(bits, length);
      if (length > held) {
        if (code != end) break;
        return held < 8 && bits == ~(~uint64_t{0} >> held);
      }
      if (symbol == kEndOfString) return false;
      *text++ = static_cast<char>(symbol);
      bits <<= length;
      held -= length;
    } while (held >= kLongest || code == end);
  }
}

}  // namespace praefect::http2
