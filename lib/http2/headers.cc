#include "http2/headers.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "http2/pooled.h"

namespace praefect::http2 {
namespace {

// The fields and the text of most calls fit into one room.
constexpr size_t kUsualFields = 24;
constexpr size_t kUsualTextBytes = 1'000;

}  // namespace

struct HeaderList::Room : Pooled<Room> {
  Room() {}  // leaves `few` and `text` as they are
  Field* fields() { return reinterpret_cast<Field*>(few); }

  alignas(Field) char few[kUsualFields * sizeof(Field)];
  char text[kUsualTextBytes];
  char* free = text;  // in `text` or the last of `more`
  size_t free_bytes = kUsualTextBytes;
  // What does not fit.
  std::vector<Field> many;
  std::vector<std::unique_ptr<char[]>> more;
};

HeaderList::HeaderList() = default;
HeaderList::HeaderList(HeaderList&& other) noexcept { *this = std::move(other); }
HeaderList::~HeaderList() = default;

HeaderList& HeaderList::operator=(HeaderList&& other) noexcept {
  room_ = std::move(other.room_);
  fields_ = std::exchange(other.fields_, nullptr);
  count_ = std::exchange(other.count_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  return *this;
}

// Makes room for another field.
void HeaderList::Grow() {
  if (room_ == nullptr) {
    room_ = std::make_unique<Room>();
    fields_ = room_->fields();
    capacity_ = kUsualFields;
    return;
  }
  std::vector<Field> larger(2 * capacity_);
  std::copy_n(fields_, count_, larger.data());
  room_->many = std::move(larger);
  fields_ = room_->many.data();
  capacity_ = room_->many.size();
}

std::string_view HeaderList::Keep(std::string_view text) {
  if (text.empty()) return {};
  if (room_ == nullptr) Grow();
  Room& room = *room_;
  if (text.size() > room.free_bytes) {
    room.free_bytes = std::max(kUsualTextBytes, text.size());
    room.more.push_back(std::make_unique_for_overwrite<char[]>(room.free_bytes));
    room.free = room.more.back().get();
  }
  memcpy(room.free, text.data(), text.size());
  const std::string_view kept(room.free, text.size());
  room.free += text.size();
  room.free_bytes -= text.size();
  return kept;
}

void HeaderList::Add(std::string_view name, std::string_view value, bool sensitive) {
  const std::string_view kept = Keep(name);
  Put({kept, Keep(value), sensitive});
}

void HeaderList::AddNamed(std::string_view name, std::string_view value, bool sensitive) {
  Put({name, Keep(value), sensitive});
}

std::string_view HeaderList::Get(std::string_view name, bool* found) const {
  for (const Field& field : fields()) {
    if (field.name == name) {
      if (found != nullptr) *found = true;
      return field.value;
    }
  }
  if (found != nullptr) *found = false;
  return {};
}

}  // namespace praefect::http2
