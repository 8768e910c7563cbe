#pragma once

// The fields that one side of a connection has said and may name by number from then on: the
// dynamic table of HPACK (RFC 7541, 2.3.2 and 4). The oldest make room for new ones.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace praefect::http2 {

class HeaderTable {
 public:
  // The size that every connection begins with and that ours never exceed.
  static constexpr uint32_t kMaxBytes = 4'096;
  static constexpr size_t kFieldOverhead = 32;  // what a field counts beside its bytes

  struct Entry {
    uint32_t at = 0;  // of its name, with the value behind it; see text_
    uint16_t name_bytes = 0, value_bytes = 0;
    uint32_t mark = 0;  // the user's
  };

  size_t count() const { return count_; }
  uint32_t max_bytes() const { return max_bytes_; }
  // At most kMaxBytes.
  void SetMaxBytes(uint32_t bytes);
  // `name` and `value` must not be the table's own. A field that is too large empties the table.
  void Insert(std::string_view name, std::string_view value, uint32_t mark);

  // `age` 0 is the field that was inserted last. Views live until the next insertion.
  const Entry& at(size_t age) const { return entries_[(next_ - 1 - age) & mask()]; }
  std::string_view Name(const Entry& entry) const { return {Text(entry), entry.name_bytes}; }
  std::string_view Value(const Entry& entry) const {
    return {Text(entry) + entry.name_bytes, entry.value_bytes};
  }

 private:
  size_t mask() const { return entries_.size() - 1; }
  const char* Text(const Entry& entry) const { return text_.data() + (entry.at - text_begin_); }
  void Evict(size_t bytes);
  void MakeRoom(size_t bytes);

  uint32_t max_bytes_ = kMaxBytes;
  size_t bytes_ = 0;  // as the RFC counts them
  // A ring; as many as a power of two.
  std::vector<Entry> entries_;
  size_t next_ = 0, count_ = 0;
  // The entries' text, one behind the other. A place in it is the number of bytes before it that
  // were ever written (modulo 2^32), so that moving them to the front changes no entry.
  std::vector<char> text_;
  uint32_t text_begin_ = 0, text_end_ = 0;
};

}  // namespace praefect::http2
