#include "http2/header_codec.h"

#include <nghttp2/nghttp2.h>

#include <array>
#include <new>

namespace praefect::http2 {
namespace {

constexpr size_t kTableBytes = 4'096;  // of ours for what we send; peers' default too
constexpr size_t kFieldsOnStack = 48;

uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

std::string_view Text(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

HeaderDecoder::HeaderDecoder() {
  if (nghttp2_hd_inflate_new(&inflater_) != 0) throw std::bad_alloc();
}

HeaderDecoder::~HeaderDecoder() { nghttp2_hd_inflate_del(inflater_); }

HeaderDecoder::Step HeaderDecoder::Next(const uint8_t*& bytes, size_t& size, bool last,
                                        Field& field) {
  do {
    nghttp2_nv found;
    int flags = 0;
    const ssize_t used =
        nghttp2_hd_inflate_hd2(inflater_, &found, &flags, bytes, size, last ? 1 : 0);
    if (used < 0) return Step::kError;
    bytes += used;
    size -= static_cast<size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      field = {Text(found.name, found.namelen), Text(found.value, found.valuelen),
               (found.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0};
      return Step::kField;
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) nghttp2_hd_inflate_end_headers(inflater_);
    if (used == 0 && size > 0) return Step::kError;
  } while (size > 0);
  return Step::kDone;
}

HeaderEncoder::HeaderEncoder() {
  if (nghttp2_hd_deflate_new(&deflater_, kTableBytes) != 0) throw std::bad_alloc();
}

HeaderEncoder::~HeaderEncoder() { nghttp2_hd_deflate_del(deflater_); }

void HeaderEncoder::SetTableSize(uint32_t bytes) {
  if (nghttp2_hd_deflate_change_table_size(deflater_, bytes) != 0) throw std::bad_alloc();
}

std::string_view HeaderEncoder::Encode(const HeaderList& headers, std::vector<uint8_t>& into) {
  std::array<nghttp2_nv, kFieldsOnStack> few;
  std::vector<nghttp2_nv> many;
  nghttp2_nv* fields = few.data();
  if (headers.size() > few.size()) {
    many.resize(headers.size());
    fields = many.data();
  }
  nghttp2_nv* next = fields;
  for (const HeaderList::Field& field : headers.fields()) {
    const auto flags =
        static_cast<uint8_t>(field.sensitive ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
    *next++ = {Bytes(field.name), Bytes(field.value), field.name.size(), field.value.size(), flags};
  }
  const size_t bound = nghttp2_hd_deflate_bound(deflater_, fields, headers.size());
  if (into.size() < bound) into.resize(bound);
  const ssize_t size =
      nghttp2_hd_deflate_hd(deflater_, into.data(), into.size(), fields, headers.size());
  if (size < 0) throw std::bad_alloc();  // nothing else can be wrong: the room is enough
  return Text(into.data(), static_cast<size_t>(size));
}

}  // namespace praefect::http2
