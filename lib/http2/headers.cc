#include "http2/headers.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace praefect::http2 {
namespace {

// The fields of most calls fit into one.
constexpr size_t kChunkBytes = 1'000;

}  // namespace

HeaderList& HeaderList::operator=(HeaderList&& other) noexcept {
  fields_ = std::exchange(other.fields_, {});
  chunks_ = std::exchange(other.chunks_, {});
  free_ = std::exchange(other.free_, nullptr);
  free_bytes_ = std::exchange(other.free_bytes_, 0);
  return *this;
}

std::string_view HeaderList::Keep(std::string_view text) {
  if (text.empty()) return {};
  if (text.size() > free_bytes_) {
    free_bytes_ = std::max(kChunkBytes, text.size());
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(free_bytes_));
    free_ = chunks_.back().get();
  }
  memcpy(free_, text.data(), text.size());
  const std::string_view kept(free_, text.size());
  free_ += text.size();
  free_bytes_ -= text.size();
  return kept;
}

void HeaderList::Add(std::string_view name, std::string_view value, bool sensitive) {
  const std::string_view kept = Keep(name);
  fields_.push_back({kept, Keep(value), sensitive});
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
