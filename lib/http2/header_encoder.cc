#include "http2/header_encoder.h"

#include <algorithm>
#include <cstring>

#include "http2/static_table.h"

namespace praefect::http2 {
namespace {

constexpr size_t kMaxNumberBytes = 6;

// How a field is written (RFC 7541, 6): its first bits, and how many bits of the byte are left.
struct Form {
  uint8_t pattern;
  int bits;
};
constexpr Form kIndexed = {0x80, 7}, kAndIndex = {0x40, 6}, kWithoutIndex = {0x00, 4},
               kNeverIndexed = {0x10, 4}, kTableSize = {0x20, 5}, kString = {0x00, 7};

uint8_t* PutNumber(Form form, size_t number, uint8_t* to) {
  const size_t most = (1u << form.bits) - 1;
  if (number < most) {
    *to++ = static_cast<uint8_t>(form.pattern | number);
    return to;
  }
  *to++ = static_cast<uint8_t>(form.pattern | most);
  for (number -= most; number >= 0x80; number >>= 7) *to++ = static_cast<uint8_t>(number | 0x80);
  *to++ = static_cast<uint8_t>(number);
  return to;
}

uint8_t* PutString(std::string_view text, uint8_t* to) {
  return std::copy(text.begin(), text.end(), PutNumber(kString, text.size(), to));
}

uint64_t Mix(uint64_t mixed, uint64_t bytes) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;  // of 2^64, the golden ratio
  mixed = (mixed ^ bytes) * kOdd;
  return mixed ^ mixed >> 32;
}

uint64_t Mix(uint64_t mixed, std::string_view text) {
  mixed = Mix(mixed, text.size());
  for (; text.size() >= 8; text.remove_prefix(8)) {
    uint64_t bytes;
    memcpy(&bytes, text.data(), sizeof bytes);
    mixed = Mix(mixed, bytes);
  }
  uint64_t rest = 0;
  for (char c : text) rest = rest << 8 | static_cast<unsigned char>(c);
  return Mix(mixed, rest);
}

// What a field is found by; never 0. Whoever makes two fields alike gains nothing: the fields are
// compared, and a mark only chooses what enters the table.
uint32_t MarkOf(const HeaderList::Field& field) {
  return static_cast<uint32_t>(Mix(Mix(0, field.name), field.value)) | 1;
}

}  // namespace

void HeaderEncoder::SetTableSize(uint32_t bytes) {
  bytes = std::min(bytes, HeaderTable::kMaxBytes);
  smallest_size_ = size_changed_ ? std::min(smallest_size_, bytes) : bytes;
  size_changed_ = true;
  table_.SetMaxBytes(bytes);
}

std::string_view HeaderEncoder::Encode(const HeaderList& headers, std::vector<uint8_t>& into) {
  size_t room = 2 * kMaxNumberBytes;
  for (const HeaderList::Field& field : headers.fields()) {
    room += field.name.size() + field.value.size() + 3 * kMaxNumberBytes;
  }
  if (into.size() < room) into.resize(room);
  uint8_t* end = into.data();
  if (size_changed_) end = PutTableSizes(end);
  for (const HeaderList::Field& field : headers.fields()) end = PutField(field, end);
  return {reinterpret_cast<const char*>(into.data()), static_cast<size_t>(end - into.data())};
}

// The smallest of several is said too: the peer has emptied its table down to that (4.2).
uint8_t* HeaderEncoder::PutTableSizes(uint8_t* to) {
  size_changed_ = false;
  if (smallest_size_ < table_.max_bytes()) to = PutNumber(kTableSize, smallest_size_, to);
  return PutNumber(kTableSize, table_.max_bytes(), to);
}

uint8_t* HeaderEncoder::PutField(const HeaderList::Field& field, uint8_t* to) {
  const StaticPlace known = FindStatic(field.name, field.value);
  Form form = kNeverIndexed;
  if (!field.sensitive) {
    if (known.field != 0) return PutNumber(kIndexed, known.field, to);
    const uint32_t mark = MarkOf(field);
    const uint32_t index = FindIndexed(field, mark);
    if (index != 0) return PutNumber(kIndexed, index, to);
    form = kWithoutIndex;
    if (field.name.size() + field.value.size() <= kMaxIndexedBytes && CameBefore(mark)) {
      table_.Insert(field.name, field.value, mark);
      form = kAndIndex;
    }
  }
  to = PutNumber(form, known.name, to);
  if (known.name == 0) to = PutString(field.name, to);
  return PutString(field.value, to);
}

bool HeaderEncoder::IsAt(size_t age, const HeaderList::Field& field, uint32_t mark) const {
  const HeaderTable::Entry& entry = table_.at(age);
  return entry.mark == mark && table_.Name(entry) == field.name &&
         table_.Value(entry) == field.value;
}

// 0: it is not in the table. Lists come again, so most fields stand behind the one before them.
uint32_t HeaderEncoder::FindIndexed(const HeaderList::Field& field, uint32_t mark) {
  size_t age = found_age_ - 1;
  if (found_age_ == 0 || found_age_ > table_.count() || !IsAt(age, field, mark)) {
    for (age = 0; age < table_.count() && !IsAt(age, field, mark);) age++;
  }
  if (age == table_.count()) return 0;
  found_age_ = age;
  return kStaticFields + 1 + static_cast<uint32_t>(age);
}

// Told from how its mark was seen: two fields taken for one only cost some bytes.
bool HeaderEncoder::CameBefore(uint32_t mark) {
  uint32_t& seen = once_[mark / 2 % once_.size()];
  if (seen == mark) return true;
  seen = mark;
  return false;
}

}  // namespace praefect::http2
