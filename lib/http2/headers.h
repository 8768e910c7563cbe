#pragma once

// A header block: fields in order.

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace praefect::http2 {

// Move-only. Views handed out live as long as the list, also after it was moved.
class HeaderList {
 public:
  struct Field {
    std::string_view name;  // lower case
    std::string_view value;
    bool sensitive = false;  // never enters a compression table
  };

  HeaderList();
  HeaderList(HeaderList&& other) noexcept;
  HeaderList& operator=(HeaderList&& other) noexcept;
  ~HeaderList();

  // Copies name and value.
  void Add(std::string_view name, std::string_view value, bool sensitive = false);
  // Both must outlive the list.
  void AddView(std::string_view name, std::string_view value, bool sensitive = false) {
    Put({name, value, sensitive});
  }
  // The value is copied, the name must outlive the list.
  void AddNamed(std::string_view name, std::string_view value, bool sensitive = false);

  std::span<const Field> fields() const { return {fields_, count_}; }
  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  void Clear() { *this = HeaderList(); }

  // Of the first field with that name; empty when there is none (`found` tells which).
  std::string_view Get(std::string_view name, bool* found = nullptr) const;

 private:
  struct Room;

  void Put(const Field& field) {
    if (count_ == capacity_) Grow();
    fields_[count_++] = field;
  }
  void Grow();
  std::string_view Keep(std::string_view text);

  std::unique_ptr<Room> room_;
  Field* fields_ = nullptr;  // in room_
  size_t count_ = 0, capacity_ = 0;
};

}  // namespace praefect::http2
