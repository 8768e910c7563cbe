#pragma once

// The Huffman code of HPACK (RFC 7541, section 5.2 and appendix B). Only read: what we send is not
// coded so, which costs some bytes of a few fields and saves both sides the work.

#include <cstddef>
#include <cstdint>

namespace praefect::http2 {

// What `size` bytes of code say at most: the shortest code has five bits.
inline constexpr size_t HuffmanRoom(size_t size) { return size * 8 / 5; }

// Writes what the code says to `text`, which has HuffmanRoom(size) bytes, and moves `text` behind
// it. False: the code holds EOS, or ends in something else than less than eight bits of it.
bool DecodeHuffman(const uint8_t* code, size_t size, char*& text);

}  // namespace praefect::http2
