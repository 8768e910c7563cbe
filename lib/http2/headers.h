#pragma once

// A header block: fields in order.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace praefect::http2 {

// Move-only. Views handed out live as long as the list, also after it was moved.
class HeaderList {
 public:
  struct Field {
    std::string_view name;  // lower case
    std::string_view value;
    bool sensitive = false;  // never enters a compression table
  };

  HeaderList() = default;
  HeaderList(HeaderList&& other) noexcept { *this = std::move(other); }
  HeaderList& operator=(HeaderList&& other) noexcept;

  // Copies name and value.
  void Add(std::string_view name, std::string_view value, bool sensitive = false);
  // Both must outlive the list.
  void AddView(std::string_view name, std::string_view value, bool sensitive = false) {
    fields_.push_back({name, value, sensitive});
  }
  // The value is copied, the name must outlive the list.
  void AddNamed(std::string_view name, std::string_view value, bool sensitive = false) {
    fields_.push_back({name, Keep(value), sensitive});
  }

  const std::vector<Field>& fields() const { return fields_; }
  bool empty() const { return fields_.empty(); }
  size_t size() const { return fields_.size(); }
  void Reserve(size_t n) { fields_.reserve(n); }
  void Clear() { *this = HeaderList(); }

  // Of the first field with that name; empty when there is none (`found` tells which).
  std::string_view Get(std::string_view name, bool* found = nullptr) const;
  // Drops every field for which `unwanted(name)` holds.
  template <typename Predicate>
  void RemoveIf(Predicate unwanted) {
    std::erase_if(fields_, [&](const Field& f) { return unwanted(f.name); });
  }

 private:
  std::string_view Keep(std::string_view text);

  std::vector<Field> fields_;
  std::vector<std::unique_ptr<char[]>> chunks_;  // what was copied
  char* free_ = nullptr;                         // in the last of them
  size_t free_bytes_ = 0;
};

}  // namespace praefect::http2
