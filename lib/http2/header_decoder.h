#pragma once

// What a peer's header blocks say (HPACK, RFC 7541), and the table that they build up.

#include <cstdint>
#include <string_view>
#include <vector>

#include "http2/header_table.h"

namespace praefect::http2 {

class HeaderDecoder {
 public:
  struct Field {
    std::string_view name, value;
    bool sensitive = false;
    // HeaderRules::AreBytesAllowed holds: it was asked when the field entered the table, from where
    // most fields come. False: nobody knows.
    bool bytes_allowed = false;
  };

  // A name or a value longer than `max_string_bytes`, as it is coded, is an error. `scratch` may
  // be shared with others of the thread, and outlives the decoder.
  HeaderDecoder(size_t max_string_bytes, std::vector<char>& scratch)
      : max_string_bytes_(max_string_bytes), scratch_(scratch) {}

  // The next bytes of a block, `last` with the last of them. `take(field)` is given
  // each field; its views live until it returns. False: that is no HPACK, and what later blocks
  // mean cannot be known (COMPRESSION_ERROR); nothing more may be decoded.
  template <typename Take>
  bool Decode(const uint8_t* bytes, size_t size, bool last, Take take) {
    Begin(bytes, size);
    for (Field field;;) {
      switch (Next(field)) {
        case Step::kField:
          take(static_cast<const Field&>(field));
          break;
        case Step::kEnd:
          return End(last);
        case Step::kError:
          return false;
      }
    }
  }

 private:
  enum class Step { kField, kEnd, kError };
  enum class Parse { kDone, kCutShort, kError };
  struct String {  // as it came
    const uint8_t* bytes = nullptr;
    uint32_t size = 0;
    bool huffman = false;
  };

  void Begin(const uint8_t* bytes, size_t size);
  bool End(bool last);
  Step Next(Field& field);
  Parse ParseIndexed(Field& field);
  Parse ParseLiteral(Field& field, int index_bits, bool insert);
  Parse ParseTableSize();
  Parse ParseString(String& string);
  Parse ParseNumber(int bits, uint32_t& number);
  bool Find(uint32_t index, Field& field) const;

  const size_t max_string_bytes_;
  std::vector<char>& scratch_;
  HeaderTable table_;
  bool any_field_ = false;  // of this block: the table's size may not change any more
  const uint8_t* at_ = nullptr;
  const uint8_t* end_ = nullptr;
  std::vector<uint8_t> cut_short_;  // begins a field whose other bytes have not come
};

}  // namespace praefect::http2
