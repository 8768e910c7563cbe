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

// Of the rows on a storage.
enum class DiskRows {
  kTrusted,
  kSuspect,
  kOfUnknownDisk,  // suspect, and nobody knows under which disk they were claimed
};

// The replicas of one storage, and what giving up those that are suspect would cost.
struct DiskRowCounts {
  int64_t trusted = 0;  // that claim anything
  int64_t suspect = 0;
  int64_t of_unknown_disk = 0;  // of these
  // Live repositories that the old disk alone held whole: no replica elsewhere that is trusted
  // holds all that was acknowledged.
  int64_t only_there = 0;

  friend bool operator==(const DiskRowCounts&, const DiskRowCounts&) = default;
};

// Thread-safe. `database` is borrowed.
class Disks {
 public:
  explicit Disks(db::Database& database) : database_(database) {}

  void List(db::Deadline deadline, Callback<std::vector<Disk>> done);
  // Of a storage that is not known yet; whether it was that.
  void Note(Disk disk, db::Deadline deadline, Callback<bool> done);
  // The storage is on another disk from now on, unless somebody else has said so, or there is a row
  // that still claims to be on the disk of before; whether it was changed.
  void Replace(Disk disk, std::string was, db::Deadline deadline, Callback<bool> done);
  // Repositories with such a row on the storage: by id after `after`.
  void RowsOn(std::string virtual_storage, std::string storage, DiskRows rows, int64_t after,
              int limit, db::Deadline deadline, Callback<std::vector<int64_t>> done);
  // Looks at every row of the storage.
  void CountOn(std::string virtual_storage, std::string storage, db::Deadline deadline,
               Callback<DiskRowCounts> done);
  // The first of DiskRowCounts::only_there, by id.
  void OnlyOn(std::string virtual_storage, std::string storage, int limit, db::Deadline deadline,
              Callback<std::vector<Below>> done);

 private:
  db::Database& database_;
};

}  // namespace praefect::datastore
