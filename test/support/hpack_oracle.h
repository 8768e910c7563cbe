#pragma once

// nghttp2's HPACK, which ours is compared with.

#include <nghttp2/nghttp2.h>

#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace praefect::http2 {

struct OracleField {
  std::string name, value;
  bool sensitive = false;
  bool operator==(const OracleField&) const = default;
};
using OracleFields = std::vector<OracleField>;

class OracleDecoder {
 public:
  OracleDecoder() {
    if (nghttp2_hd_inflate_new(&inflater_) != 0) throw std::bad_alloc();
  }
  ~OracleDecoder() { nghttp2_hd_inflate_del(inflater_); }
  OracleDecoder(const OracleDecoder&) = delete;
  OracleDecoder& operator=(const OracleDecoder&) = delete;

  // nullopt: not HPACK.
  std::optional<OracleFields> Decode(std::string_view block) {
    OracleFields fields;
    for (;;) {
      nghttp2_nv field{};
      int flags = 0;
      const auto* bytes = reinterpret_cast<const uint8_t*>(block.data());
      const ssize_t used =
          nghttp2_hd_inflate_hd2(inflater_, &field, &flags, bytes, block.size(), 1);
      if (used < 0) return std::nullopt;
      block.remove_prefix(static_cast<size_t>(used));
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        fields.push_back({std::string(field.name, field.name + field.namelen),
                          std::string(field.value, field.value + field.valuelen),
                          (field.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
      } else if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
        nghttp2_hd_inflate_end_headers(inflater_);
        return fields;
      }
    }
  }

 private:
  nghttp2_hd_inflater* inflater_ = nullptr;
};

class OracleEncoder {
 public:
  OracleEncoder() {
    if (nghttp2_hd_deflate_new(&deflater_, 4'096) != 0) throw std::bad_alloc();
  }
  ~OracleEncoder() { nghttp2_hd_deflate_del(deflater_); }
  OracleEncoder(const OracleEncoder&) = delete;
  OracleEncoder& operator=(const OracleEncoder&) = delete;

  void SetTableSize(size_t bytes) { nghttp2_hd_deflate_change_table_size(deflater_, bytes); }
  std::string Encode(const OracleFields& fields) {
    std::vector<nghttp2_nv> views;
    for (const OracleField& field : fields) {
      const auto flags = field.sensitive ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
      views.push_back({Bytes(field.name), Bytes(field.value), field.name.size(), field.value.size(),
                       static_cast<uint8_t>(flags)});
    }
    std::string block(nghttp2_hd_deflate_bound(deflater_, views.data(), views.size()), '\0');
    const ssize_t size =
        nghttp2_hd_deflate_hd(deflater_, Bytes(block), block.size(), views.data(), views.size());
    if (size < 0) throw std::bad_alloc();
    block.resize(static_cast<size_t>(size));
    return block;
  }

 private:
  static uint8_t* Bytes(const std::string& text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  }
  nghttp2_hd_deflater* deflater_ = nullptr;
};

}  // namespace praefect::http2
