#pragma once

// Header compression (HPACK, RFC 7541): nghttp2's, one table for each direction of a connection.
// Nothing else calls nghttp2, but for the names of error codes.

#include <cstdint>
#include <string_view>
#include <vector>

#include "http2/headers.h"

struct nghttp2_hd_deflater;
struct nghttp2_hd_inflater;

namespace praefect::http2 {

class HeaderDecoder {
 public:
  HeaderDecoder();
  ~HeaderDecoder();
  HeaderDecoder(const HeaderDecoder&) = delete;
  HeaderDecoder& operator=(const HeaderDecoder&) = delete;

  // The next bytes of a block, `last` with the last of them. `take(name, value, sensitive)` is
  // given each field; the views live until it returns. False: no block of HPACK, the connection's
  // table is lost (COMPRESSION_ERROR).
  template <typename Take>
  bool Decode(const uint8_t* bytes, size_t size, bool last, Take take) {
    while (true) {
      Field field;
      const Step step = Next(bytes, size, last, field);
      if (step == Step::kError) return false;
      if (step == Step::kDone) return true;
      take(field.name, field.value, field.sensitive);
    }
  }

 private:
  using Field = HeaderList::Field;
  enum class Step { kField, kDone, kError };
  // Moves `bytes` on.
  Step Next(const uint8_t*& bytes, size_t& size, bool last, Field& field);

  nghttp2_hd_inflater* inflater_ = nullptr;
};

class HeaderEncoder {
 public:
  HeaderEncoder();
  ~HeaderEncoder();
  HeaderEncoder(const HeaderEncoder&) = delete;
  HeaderEncoder& operator=(const HeaderEncoder&) = delete;

  // What the peer's SETTINGS allow.
  void SetTableSize(uint32_t bytes);
  // The block of these fields, in `into`, which grows when it must.
  std::string_view Encode(const HeaderList& headers, std::vector<uint8_t>& into);

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

}  // namespace praefect::http2
