#pragma once

// Header blocks for a peer (HPACK, RFC 7541). A field that comes again enters the table and costs
// a byte or two from then on; what comes once only would push the others out of it. Nothing is
// Huffman-coded: it saves a quarter of the few fields that are said in full, and costs both sides
// more than those bytes do.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "http2/header_table.h"
#include "http2/headers.h"

namespace praefect::http2 {

class HeaderEncoder {
 public:
  // What the peer's SETTINGS allow; said at the beginning of the next block.
  void SetTableSize(uint32_t bytes);
  // The block of these fields, in `into`, which grows when it must.
  std::string_view Encode(const HeaderList& headers, std::vector<uint8_t>& into);

 private:
  // More than this of the table is not given to one field.
  static constexpr size_t kMaxIndexedBytes = HeaderTable::kMaxBytes / 4;

  uint8_t* PutTableSizes(uint8_t* to);
  uint8_t* PutField(const HeaderList::Field& field, uint8_t* to);
  bool IsAt(size_t age, const HeaderList::Field& field, uint32_t mark) const;
  uint32_t FindIndexed(const HeaderList::Field& field, uint32_t mark);
  bool CameBefore(uint32_t mark);

  HeaderTable table_;
  size_t found_age_ = 0;  // of the field that was found last
  // Marks of fields that did not enter the table, each at a place of its own.
  std::array<uint32_t, 64> once_{};
  bool size_changed_ = false;
  uint32_t smallest_size_ = 0;  // since the last block
};

}  // namespace praefect::http2
