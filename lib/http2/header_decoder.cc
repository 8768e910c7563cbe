#include "http2/header_decoder.h"

#include <algorithm>

#include "http2/header_rules.h"
#include "http2/huffman.h"
#include "http2/static_table.h"

namespace praefect::http2 {
namespace {

constexpr uint32_t kBytesAllowed = 1;  // mark of an entry
constexpr int kMaxNumberBytes = 5;     // behind the prefix; more would say more than 32 bits

std::string_view Text(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

void HeaderDecoder::Begin(const uint8_t* bytes, size_t size) {
  if (!cut_short_.empty()) {
    cut_short_.insert(cut_short_.end(), bytes, bytes + size);
    bytes = cut_short_.data();
    size = cut_short_.size();
  }
  at_ = bytes;
  end_ = bytes + size;
}

// What is left is the beginning of a field.
bool HeaderDecoder::End(bool last) {
  if (last) {
    cut_short_ = {};
    any_field_ = false;
    return at_ == end_;
  }
  if (cut_short_.empty()) {
    cut_short_.assign(at_, end_);
  } else {
    cut_short_.erase(cut_short_.begin(), cut_short_.begin() + (at_ - cut_short_.data()));
  }
  return true;
}

HeaderDecoder::Step HeaderDecoder::Next(Field& field) {
  while (at_ != end_) {
    const uint8_t* const begin = at_;
    const uint8_t first = *at_;
    const bool sets_size = (first & 0xe0) == 0x20;
    Parse parse;
    if ((first & 0x80) != 0) {
      parse = ParseIndexed(field);
    } else if ((first & 0x40) != 0) {
      parse = ParseLiteral(field, 6, true);
    } else if (sets_size) {
      parse = ParseTableSize();
    } else {
      parse = ParseLiteral(field, 4, false);
      field.sensitive = (first & 0x10) != 0;
    }
    switch (parse) {
      case Parse::kDone:
        if (sets_size) break;
        any_field_ = true;
        return Step::kField;
      case Parse::kCutShort:
        at_ = begin;
        return Step::kEnd;
      case Parse::kError:
        return Step::kError;
    }
  }
  return Step::kEnd;
}

bool HeaderDecoder::Find(uint32_t index, Field& field) const {
  if (index == 0) return false;
  if (index <= kStaticFields) {
    const StaticField& known = StaticFieldAt(index);
    field = {known.name, known.value, false, true};
    return true;
  }
  const size_t age = index - kStaticFields - 1;
  if (age >= table_.count()) return false;
  const HeaderTable::Entry& entry = table_.at(age);
  field = {table_.Name(entry), table_.Value(entry), false, entry.mark == kBytesAllowed};
  return true;
}

HeaderDecoder::Parse HeaderDecoder::ParseIndexed(Field& field) {
  uint32_t index = 0;
  const Parse parse = ParseNumber(7, index);
  if (parse != Parse::kDone) return parse;
  return Find(index, field) ? Parse::kDone : Parse::kError;
}

HeaderDecoder::Parse HeaderDecoder::ParseLiteral(Field& field, int index_bits, bool insert) {
  uint32_t index = 0;
  String name, value;
  Parse parse = ParseNumber(index_bits, index);
  if (parse == Parse::kDone && index == 0) parse = ParseString(name);
  if (parse == Parse::kDone) parse = ParseString(value);
  if (parse != Parse::kDone) return parse;

  field = {Text(name.bytes, name.size), Text(value.bytes, value.size), false};
  if (index != 0) {
    Field named;
    if (!Find(index, named)) return Parse::kError;
    field.name = named.name;
  }
  const size_t room = std::max(HuffmanRoom(name.size), field.name.size());
  if (scratch_.size() < room + HuffmanRoom(value.size)) {
    scratch_.resize(room + HuffmanRoom(value.size));
  }
  if (name.huffman) {
    char* end = scratch_.data();
    if (!DecodeHuffman(name.bytes, name.size, end)) return Parse::kError;
    field.name = {scratch_.data(), static_cast<size_t>(end - scratch_.data())};
  } else if (insert && index > kStaticFields) {  // the entry that has it may make room
    std::copy(field.name.begin(), field.name.end(), scratch_.data());
    field.name = {scratch_.data(), field.name.size()};
  }
  if (value.huffman) {
    char* const begin = scratch_.data() + room;
    char* end = begin;
    if (!DecodeHuffman(value.bytes, value.size, end)) return Parse::kError;
    field.value = {begin, static_cast<size_t>(end - begin)};
  }
  if (insert) {
    field.bytes_allowed = HeaderRules::AreBytesAllowed(field.name, field.value);
    table_.Insert(field.name, field.value, field.bytes_allowed ? kBytesAllowed : 0);
  }
  return Parse::kDone;
}

// Only before a block's first field (4.2), and only to what we allow (6.3).
HeaderDecoder::Parse HeaderDecoder::ParseTableSize() {
  if (any_field_) return Parse::kError;
  uint32_t bytes = 0;
  const Parse parse = ParseNumber(5, bytes);
  if (parse != Parse::kDone) return parse;
  if (bytes > HeaderTable::kMaxBytes) return Parse::kError;
  table_.SetMaxBytes(bytes);
  return Parse::kDone;
}

HeaderDecoder::Parse HeaderDecoder::ParseString(String& string) {
  if (at_ == end_) return Parse::kCutShort;
  string.huffman = (*at_ & 0x80) != 0;
  const Parse parse = ParseNumber(7, string.size);
  if (parse != Parse::kDone) return parse;
  if (string.size > max_string_bytes_) return Parse::kError;
  if (static_cast<size_t>(end_ - at_) < string.size) return Parse::kCutShort;
  string.bytes = at_;
  at_ += string.size;
  return Parse::kDone;
}

// RFC 7541, 5.1: in the lower `bits` of a byte, or, when these are ones, seven bits a byte behind.
HeaderDecoder::Parse HeaderDecoder::ParseNumber(int bits, uint32_t& number) {
  if (at_ == end_) return Parse::kCutShort;
  const uint32_t most = (1u << bits) - 1;
  number = *at_++ & most;
  if (number < most) return Parse::kDone;
  uint64_t sum = number;
  for (int i = 0; i < kMaxNumberBytes; i++) {
    if (at_ == end_) return Parse::kCutShort;
    const uint8_t byte = *at_++;
    sum += uint64_t{byte & 0x7fu} << (7 * i);
    if (sum > UINT32_MAX) return Parse::kError;
    number = static_cast<uint32_t>(sum);
    if ((byte & 0x80) == 0) return Parse::kDone;
  }
  return Parse::kError;
}

}  // namespace praefect::http2
