#pragma once

// Which disk each storage is on, in the books, and which replicas were claimed under another one.
// What becomes of these replicas are changes of their repositories (changes.h).

#include <cstdint>
#include <string>
#include <vector>

#include "datastore/store.h"

namespace praefect::datastore {

struct Disk {
  std::string virtual_storage, storage;
  std::string filesystem_id;  // not empty

  friend bool operator==(const Disk&, const Disk&) = default;
};

// Thread-safe. `database` is borrowed.
class Disks {
 public:
  explicit Disks(db::Database& database) : database_(database) {}

  void List(db::Deadline deadline, Callback<std::vector<Disk>> done);
  // Of a storage that is not known yet; whether it was that.
  void Note(Disk disk, db::Deadline deadline, Callback<bool> done);
  // The storage is on another disk from now on, unless somebody else has said so; whether it was
  // changed.
  void Replace(Disk disk, std::string was, db::Deadline deadline, Callback<bool> done);
  // Repositories with a row on the storage that is suspect, or that is not: by id after `after`.
  void RowsOn(std::string virtual_storage, std::string storage, bool suspect, int64_t after,
              int limit, db::Deadline deadline, Callback<std::vector<int64_t>> done);

 private:
  db::Database& database_;
};

}  // namespace praefect::datastore
