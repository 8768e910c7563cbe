#include "http2/header_table.h"

#include <algorithm>

namespace praefect::http2 {
namespace {

constexpr size_t kFirstEntries = 16;
constexpr size_t kFirstTextBytes = 512;

}  // namespace

void HeaderTable::SetMaxBytes(uint32_t bytes) {
  max_bytes_ = std::min(bytes, kMaxBytes);
  Evict(max_bytes_);
}

// Until no more than `bytes` are left.
void HeaderTable::Evict(size_t bytes) {
  while (bytes_ > bytes) {
    const Entry& oldest = at(count_ - 1);
    bytes_ -= oldest.name_bytes + oldest.value_bytes + kFieldOverhead;
    count_--;
  }
}

void HeaderTable::Insert(std::string_view name, std::string_view value, uint32_t mark) {
  const size_t text_bytes = name.size() + value.size();
  const size_t bytes = text_bytes + kFieldOverhead;
  Evict(bytes > max_bytes_ ? 0 : max_bytes_ - bytes);
  if (bytes > max_bytes_) return;
  MakeRoom(text_bytes);
  char* text = text_.data() + (text_end_ - text_begin_);
  std::copy(name.begin(), name.end(), text);
  std::copy(value.begin(), value.end(), text + name.size());
  entries_[next_++ & mask()] = {text_end_, static_cast<uint16_t>(name.size()),
                                static_cast<uint16_t>(value.size()), mark};
  text_end_ += static_cast<uint32_t>(text_bytes);
  bytes_ += bytes;
  count_++;
}

// For one more entry of so much text.
void HeaderTable::MakeRoom(size_t bytes) {
  if (count_ == entries_.size()) {
    std::vector<Entry> more(std::max(2 * count_, kFirstEntries));
    for (size_t age = 0; age < count_; age++) more[count_ - 1 - age] = at(age);
    entries_ = std::move(more);
    next_ = count_;
  }
  if (text_end_ - text_begin_ + bytes <= text_.size()) return;
  const uint32_t first = count_ == 0 ? text_end_ : at(count_ - 1).at;
  const size_t kept = text_end_ - first;
  // At least half of it is free afterwards: the text is not moved for every entry.
  std::vector<char> larger;
  const bool grows = 2 * (kept + bytes) > text_.size();
  if (grows) larger.resize(std::max(2 * (kept + bytes), kFirstTextBytes));
  std::copy_n(text_.data() + (first - text_begin_), kept, grows ? larger.data() : text_.data());
  if (grows) text_ = std::move(larger);
  text_begin_ = first;
}

}  // namespace praefect::http2
