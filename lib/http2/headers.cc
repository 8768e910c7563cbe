#include "http2/headers.h"

#include <nghttp2/nghttp2.h>

#include <cstring>
#include <utility>

namespace praefect::http2 {

HeaderList& HeaderList::operator=(HeaderList&& other) noexcept {
  if (this == &other) return *this;
  Clear();
  fields_ = std::exchange(other.fields_, {});
  shared_ = std::exchange(other.shared_, {});
  copies_ = std::exchange(other.copies_, {});
  return *this;
}

void HeaderList::Clear() {
  fields_.clear();
  for (void* buffer : shared_) nghttp2_rcbuf_decref(static_cast<nghttp2_rcbuf*>(buffer));
  shared_.clear();
  for (char* copy : copies_) delete[] copy;
  copies_.clear();
}

std::string_view HeaderList::Keep(std::string_view text) {
  if (text.empty()) return {};
  char* copy = new char[text.size()];
  memcpy(copy, text.data(), text.size());
  copies_.push_back(copy);
  return {copy, text.size()};
}

void HeaderList::Add(std::string_view name, std::string_view value, bool sensitive) {
  std::string_view kept = Keep(name);
  fields_.push_back({kept, Keep(value), sensitive});
}

void HeaderList::AddNamed(std::string_view name, std::string_view value, bool sensitive) {
  fields_.push_back({name, Keep(value), sensitive});
}

void HeaderList::AddShared(void* name, void* value, bool sensitive) {
  auto view = [this](void* opaque) {
    auto* buffer = static_cast<nghttp2_rcbuf*>(opaque);
    nghttp2_rcbuf_incref(buffer);
    shared_.push_back(buffer);
    nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
    return std::string_view(reinterpret_cast<const char*>(bytes.base), bytes.len);
  };
  std::string_view name_view = view(name);
  fields_.push_back({name_view, view(value), sensitive});
}

std::string_view HeaderList::Get(std::string_view name, bool* found) const {
  for (const Field& field : fields_) {
    if (field.name == name) {
      if (found != nullptr) *found = true;
      return field.value;
    }
  }
  if (found != nullptr) *found = false;
  return {};
}

}  // namespace praefect::http2
